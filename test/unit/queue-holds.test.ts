/** Holds: each attempt's lock is renewed by its own token for as long as that attempt lasts. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createHolds, type Hold, type HoldsOptions } from '../../src/queue/holds.ts'
import { waitFor } from '../support/wait.ts'

function scene(t: TestContext, told: Partial<HoldsOptions> = {}) {
  const unexpected = (what: unknown) => assert.fail(String(what))
  const holds = createHolds({ lockMs: 15, onLost: unexpected, onRefused: unexpected, ...told })
  t.after(() => holds.stop())
  return holds
}

test('holds, of two starts of one job in a process, when one ends, renew the other by its own token', async (t) => {
  const lost: string[] = []
  const renewals: string[] = []
  const job: Hold['job'] = {
    id: 'a',
    extendLock: async (token: string) => {
      renewals.push(token)
      return token === 'second' ? 1 : 0
    },
  }
  const holds = scene(t, { onLost: (jobId) => lost.push(jobId) })
  const first = holds.take(job, 'first')
  const second = holds.take(job, 'second')
  assert.equal(holds.besides(second), first)
  await waitFor(() => lost.length === 1)

  holds.release(first)
  const before = renewals.length
  await waitFor(() => renewals.length >= before + 3)

  assert.deepEqual(new Set(renewals.slice(before)), new Set(['second']))
  assert.deepEqual(lost, ['a'])
  assert.equal(first.controller.signal.aborted, true)
  assert.equal(second.controller.signal.aborted, false)
  assert.equal(holds.besides(second), undefined)
})

test('holds, when a renewal is refused, tell it, keep the hold and try again', async (t) => {
  const refusals: unknown[] = []
  const holds = scene(t, { onRefused: (error) => refusals.push(error) })
  const hold = holds.take({ id: 'a', extendLock: () => Promise.reject(new Error('OOM')) }, 'token')

  await waitFor(() => refusals.length >= 3)

  assert.equal(hold.controller.signal.aborted, false)
})

test('holds, of an attempt that ended while Redis was asked, abort nothing', async (t) => {
  const answers: ((isRenewed: number) => void)[] = []
  const holds = scene(t)
  const extendLock = () => new Promise<number>((resolve) => answers.push(resolve))
  const hold = holds.take({ id: 'a', extendLock }, 'token')
  await waitFor(() => answers.length === 1)

  holds.release(hold)
  answers[0]?.(0)
  await new Promise((resolve) => setImmediate(resolve))

  assert.equal(hold.controller.signal.aborted, false)
})
