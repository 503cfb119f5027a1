/**
 * The style sheet of every page, as text. Light and dark by the reader's setting; nothing is told by colour alone; nothing but
 * a table scrolls sideways.
 */
export const styles = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f4f6f8; --line: #c9cfd6; --text: #1a1d21; --quiet: #525a64;
  --link: #0b57d0; --well: #0f6b3a; --watch: #7a4d00; --bad: #a8201a; --bar: #4a6fa5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171a; --raised: #1f2429; --line: #414952; --text: #e8eaed; --quiet: #aeb6c0;
    --link: #8ab4f8; --well: #7bd8a3; --watch: #f2c46d; --bad: #ff9a92; --bar: #8fb1e3;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
body { margin: 0 auto; max-width: 88rem; padding: 0 1rem 4rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
main:focus { outline: none; }
h1 { font-size: 1.5rem; margin: 1rem 0 .5rem; }
h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
h4 { font-size: .9rem; margin: .5rem 0 .25rem; }
small { color: var(--quiet); font-size: .85em; }
.note, .none { color: var(--quiet); }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 0; background: var(--ground); padding: .5rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; padding: .75rem 0; border-bottom: 1px solid var(--line); }
.brand { font-weight: 700; color: inherit; text-decoration: none; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; margin: 0; padding: 0; }
[aria-current] { color: inherit; font-weight: 700; text-decoration-thickness: 2px; }
header form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin-left: auto; }
header label { font-size: .85rem; color: var(--quiet); }
input, select, textarea, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--quiet); border-radius: .35rem; padding: .35rem .6rem; max-width: 100%; }
button { background: var(--raised); cursor: pointer; min-height: 2.25rem; }
button:disabled { opacity: .6; cursor: progress; }
button.replay { border-color: var(--link); color: var(--link); }
button.discard { border-color: var(--bad); color: var(--bad); }
html:not(.script) .scripted { display: none; }
textarea { width: 100%; font-family: ui-monospace, monospace; font-size: .85rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: .5rem 0; }
td .buttons { margin: 0; flex-wrap: nowrap; }
.health { border: 1px solid var(--line); border-left: .5rem solid var(--well); background: var(--raised); border-radius: .35rem; padding: .25rem 1rem; }
.health p { font-size: 1.1rem; margin: .5rem 0; }
.health .level { color: var(--well); }
.health.watch { border-left-color: var(--watch); } .health.watch .level { color: var(--watch); }
.health.bad { border-left-color: var(--bad); } .health.bad .level { color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(10rem, 45%), 1fr)); gap: .5rem; margin: 0; }
.figures div { background: var(--raised); border-radius: .35rem; padding: .5rem .75rem; min-width: 0; }
.figures dt { color: var(--quiet); font-size: .85rem; }
.figures dd { margin: 0; font-weight: 600; }
.figures dd small { font-weight: 400; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; overflow-wrap: normal; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: start; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td small { display: block; }
td.number { font-variant-numeric: tabular-nums; }
td.error { min-width: 14rem; max-width: 32rem; overflow-wrap: anywhere; }
time { font-variant-numeric: tabular-nums; }
td time { white-space: nowrap; }
.state, .tag { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .55rem; font-size: .82rem; font-weight: 600; color: var(--quiet); }
.state.completed { color: var(--well); } .state.active, .state.waiting { color: var(--link); }
.state.delayed { color: var(--watch); } .state.dead, .state.blocked { color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)); gap: 1rem; }
.chart { margin: 0; min-width: 0; }
.chart svg { display: block; width: 100%; height: 3.5rem; border-bottom: 1px solid var(--line); fill: var(--bar); }
.chart.dead svg { fill: var(--bad); } .chart.age svg { fill: var(--watch); } .chart.done svg { fill: var(--well); }
.chart rect.unknown { fill: var(--line); }
.scale { display: flex; justify-content: space-between; margin: 0; font-size: .75rem; color: var(--quiet); }
.events { list-style: none; margin: 0; padding: 0; }
.event { border: 1px solid var(--line); border-left: .35rem solid var(--line); border-radius: .35rem; padding: .75rem 1rem; margin: 0 0 .75rem; }
.event.completed { border-left-color: var(--well); } .event.dead, .event.blocked { border-left-color: var(--bad); }
.event.delayed { border-left-color: var(--watch); } .event.active, .event.waiting { border-left-color: var(--link); }
.story { margin: .25rem 0; padding-inline-start: 1.25rem; }
.story .end, .story .replayed { font-weight: 600; } .story .end small { font-weight: 400; }
pre { margin: .25rem 0; padding: .6rem; background: var(--raised); border-radius: .35rem; font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap; max-height: 24rem; overflow: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1rem; }
.pair > div { min-width: 0; }
summary { cursor: pointer; padding: .25rem 0; }
.filter { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: end; }
.filter p { margin: 0; } .filter label { display: block; font-size: .85rem; color: var(--quiet); }
footer { margin-top: 2rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .9rem; }
#said:not(:empty) { position: fixed; inset: auto 1rem 1rem; margin: auto; max-width: 40rem; background: var(--text); color: var(--ground); padding: .75rem 1rem; border-radius: .35rem; }
@media (max-width: 40rem) {
  table, tbody, tr, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border: 1px solid var(--line); border-radius: .35rem; padding: .25rem .5rem; margin: 0 0 .5rem; }
  td, td.error { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .5rem; border: 0; padding: .15rem 0; min-width: 0; overflow-wrap: anywhere; }
  td::before { content: attr(data-head); color: var(--quiet); font-size: .85rem; }
  td .buttons { flex-wrap: wrap; }
  header form { margin-left: 0; width: 100%; } header form label { width: 100%; } header form input { flex: 1; min-width: 0; }
}
@media print { header form, .buttons, footer { display: none; } }
`

/** The sign in a browser's tab: three lanes, one of which has gone on. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b57d0"/><path d="M3 4.5h10M3 8h6M3 11.5h8" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>`
