/**
 * The script of every page, as text: refreshes <main> in place, and sends what Replay and Discard say. It reads nothing but the
 * pages themselves; without it they still tell all they know.
 */
export const script = `'use strict';
(() => {
  const main = document.getElementById('main');
  const said = document.getElementById('said');
  const note = document.getElementById('refreshing');
  const everyMs = Number(document.body.dataset.every ?? 0) * 1000;
  let timer;
  let isBusy = false;
  let isPaused = false;

  document.documentElement.classList.add('script');

  // --- What was done is told by a live region, also across a change of page.
  let saidTimer;
  const say = (text) => {
    said.textContent = text;
    clearTimeout(saidTimer);
    saidTimer = setTimeout(() => { said.textContent = ''; }, 15000);
  };
  const carried = sessionStorage.getItem('said');
  if (carried !== null) {
    sessionStorage.removeItem('said');
    say(carried);
  }

  // --- Refresh: the same page, its <main> put over this one's. What did not change is not touched, so focus, open details
  // and what was typed stay.
  const keeps = (element, name) => name === 'open' && element.nodeName === 'DETAILS';
  const partner = (parent, at, next) => {
    if (next.id) {
      const known = document.getElementById(next.id);
      return known !== null && known.parentNode === parent && known.nodeName === next.nodeName ? known : null;
    }
    return at !== null && at.nodeType === next.nodeType && at.nodeName === next.nodeName && !at.id ? at : null;
  };
  const morph = (from, to) => {
    for (const { name, value } of [...to.attributes])
      if (from.getAttribute(name) !== value && !keeps(from, name)) from.setAttribute(name, value);
    for (const { name } of [...from.attributes])
      if (!to.hasAttribute(name) && !keeps(from, name)) from.removeAttribute(name);
    let at = from.firstChild;
    for (const next of [...to.childNodes]) {
      const same = partner(from, at, next);
      if (same === null) {
        from.insertBefore(next, at);
        continue;
      }
      if (same === at) at = at.nextSibling;
      else from.insertBefore(same, at);
      if (same.nodeType === Node.ELEMENT_NODE) morph(same, next);
      else if (same.data !== next.data) same.data = next.data;
    }
    while (at !== null) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };
  const refresh = async () => {
    if (isBusy) return;
    isBusy = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(20000) });
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main');
      if (next === null) throw new Error('answered ' + answer.status);
      const wasInside = main.contains(document.activeElement);
      morph(main, next);
      // The row that had the focus is gone: go on from the content, not from the top of the page.
      if (wasInside && document.activeElement === document.body) main.focus({ preventScroll: true });
      note.textContent = 'Refreshed at ' + new Date().toLocaleTimeString();
    } catch (error) {
      note.textContent = 'Not refreshed, tried at ' + new Date().toLocaleTimeString() + ': ' + error.message;
    }
    isBusy = false;
    plan();
  };
  const plan = (inMs = everyMs) => {
    clearTimeout(timer);
    if (everyMs > 0 && !isPaused && document.visibilityState === 'visible') timer = setTimeout(refresh, inMs);
  };
  document.addEventListener('visibilitychange', () => {
    if (everyMs > 0 && !isPaused && document.visibilityState === 'visible') refresh();
    else clearTimeout(timer);
  });
  document.querySelector('a.refresh').addEventListener('click', (event) => {
    event.preventDefault();
    refresh();
  });
  if (everyMs > 0) {
    const pause = document.createElement('button');
    pause.type = 'button';
    pause.textContent = 'Pause refreshing';
    pause.addEventListener('click', () => {
      isPaused = !isPaused;
      pause.textContent = isPaused ? 'Go on refreshing' : 'Pause refreshing';
      plan();
    });
    note.after(' ', pause);
    // Behind an action what is shown may be a second old.
    plan(carried === null ? everyMs : 1000);
  }

  // --- Replay and Discard.
  const act = async (form) => {
    const { what } = form.dataset;
    const selector = Object.fromEntries(new FormData(form));
    const { back } = selector;
    delete selector.back;
    if (selector.all !== undefined) selector.all = true;
    const button = form.querySelector('button');
    button.disabled = true;
    isBusy = true;
    say(what === 'replay' ? 'Replaying…' : 'Discarding…');
    try {
      const answer = await fetch('/api/' + what, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(selector),
      });
      const result = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(result.message ?? 'the answer was ' + answer.status);
      const done = result.replayed ?? result.discarded ?? 0;
      const text = done === 0 ? 'Nothing was left to ' + what + '.' : (what === 'replay' ? 'Replayed ' : 'Discarded ') + done + (done === 1 ? ' event.' : ' events.');
      if ('now' in form.dataset) {
        sessionStorage.setItem('said', text);
        location.assign(back);
        return;
      }
      say(text);
    } catch (error) {
      say('Not done: ' + error.message);
    }
    button.disabled = false;
    isBusy = false;
    await refresh();
    // What was replayed has often run by then.
    plan(Math.min(everyMs, 1000));
  };
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('form.act[data-direct], form.act[data-now]')) return;
    event.preventDefault();
    act(form);
  });

  // --- Copy for a ticket. The clipboard is there over HTTPS and on this machine only.
  document.addEventListener('click', async (event) => {
    const id = event.target.closest('[data-copies]')?.dataset.copies;
    const text = id === undefined ? null : document.getElementById(id);
    if (text === null) return;
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      say('Copied.');
    } catch {
      say(document.execCommand('copy') ? 'Copied.' : 'Selected: copy it with the keyboard.');
    }
  });
})();
`
