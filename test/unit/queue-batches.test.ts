/** Batches: what goes out together, what waits, and what is refused with what. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as loopTurn } from 'node:timers/promises'
import { inBatches } from '../../src/queue/fused/in-batches.ts'

type Call = { readonly batch: readonly string[]; answer(): void; refuse(error: Error): void }

/** A `send` whose calls are answered by the test, each item by itself in capitals; `bad` is refused. */
function callsOf() {
  const calls: Call[] = []
  const send = (batch: readonly string[]) =>
    new Promise<(string | Error)[]>((resolve, reject) => {
      const answers = batch.map((item) => (item === 'bad' ? new Error('refused') : item.toUpperCase()))
      calls.push({ batch, answer: () => resolve(answers), refuse: reject })
    })
  return { calls, send, batches: () => calls.map(({ batch }) => batch) }
}

test('batches, of what comes in one turn of the loop, go out together and no larger than they may be', async () => {
  const { calls, send, batches } = callsOf()
  const ask = inBatches(send, { most: 3, mostWeight: 10, weigh: (item) => item.length })

  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'.repeat(12), 'f'].map(ask))
  await loopTurn()

  // A heavy one is alone: with what comes before or behind it would weigh too much.
  assert.deepEqual(batches(), [['a', 'b', 'c'], ['d'], ['e'.repeat(12)], ['f']])
  for (const { answer } of calls) answer()
  assert.deepEqual(await answers, ['A', 'B', 'C', 'D', 'E'.repeat(12), 'F'])
})

test('a batch with one that is refused, answers all others', async () => {
  const { calls, send } = callsOf()
  const ask = inBatches(send, { most: 10 })

  const answers = Promise.allSettled(['a', 'bad', 'c'].map(ask))
  await loopTurn()
  calls[0]?.answer()

  assert.deepEqual(
    (await answers).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('batches with a limit of calls on their way, gather what comes meanwhile', async () => {
  const { calls, send, batches } = callsOf()
  const ask = inBatches(send, { most: 10, callsAtATime: 1 })

  const first = ask('a')
  await loopTurn()
  const later = Promise.all(['b', 'c'].map(ask))
  await loopTurn()
  assert.deepEqual(batches(), [['a']])
  calls[0]?.answer()
  assert.equal(await first, 'A')
  await loopTurn()

  assert.deepEqual(batches(), [['a'], ['b', 'c']])
  calls[1]?.answer()
  assert.deepEqual(await later, ['B', 'C'])
})

test('a call that fails, is refused to those in it and to those who wait behind it, and to none that come later', async () => {
  const { calls, send } = callsOf()
  const ask = inBatches(send, { most: 10, callsAtATime: 1 })

  const first = ask('a')
  await loopTurn()
  const behind = ask('b')
  calls[0]?.refuse(new Error('gone'))
  await assert.rejects(first, /gone/)
  await assert.rejects(behind, /gone/)
  const later = ask('c')
  await loopTurn()
  calls[1]?.answer()

  assert.equal(await later, 'C')
})

test('a batch that nothing more can come to, goes at once, with what waits already', async () => {
  const { calls, send, batches } = callsOf()
  let isLast = false
  const ask = inBatches(send, { most: 10, isLast: () => isLast })

  const first = ask('a')
  isLast = true
  const second = ask('b')

  assert.deepEqual(batches(), [['a', 'b']])
  await loopTurn()
  assert.equal(calls.length, 1)
  calls[0]?.answer()
  assert.deepEqual(await Promise.all([first, second]), ['A', 'B'])
})
