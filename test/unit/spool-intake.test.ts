/**
 * The switch between the straight way and the spool: which way, in which order, with which answer.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { EventRefusedError, RedisUnavailableError } from '../../src/errors.ts'
import type { NewEvent } from '../../src/event/event.ts'
import { createIntake, type Intake } from '../../src/spool/intake.ts'
import type { SpoolState } from '../../src/spool/spool.ts'
import { eventIn, keptLog, type LogLine } from '../support/spool.ts'

type Bench = {
  readonly intake: Intake
  readonly lines: LogLine[]
  /** What happened, in order: `straight a1`, `spool a1`. */
  readonly did: string[]
  /** Answers of Redis still open, by label. */
  readonly open: Map<string, { yes(): void; no(error: Error): void }>
  isReady: boolean
  isTrying: boolean
  isTight: boolean
  hasRoom: boolean
  claimFails: boolean
  clock: { nowMs: number }
  isEmpty: boolean
  /** The end of the spool, if it is near. */
  ending: Promise<void> | undefined
  spoolFails: Error | undefined
  send(lane: string, label: string): Promise<string>
}

const away = () => new RedisUnavailableError('away')
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function bench(): Bench {
  const { log, lines } = keptLog()
  const did: string[] = []
  const open: Bench['open'] = new Map()
  const clock = { nowMs: 0 }
  const self: Bench = {
    intake: createIntake({
      enqueue: (event) => {
        did.push(`straight ${event.raw.query}`)
        return new Promise((resolve, reject) => {
          const yes = () => resolve({ eventId: event.eventId, sequence: 7, isNew: true })
          open.set(event.raw.query, { yes, no: reject })
        })
      },
      claimEventId: async (fingerprint) => {
        did.push(`claim ${fingerprint}`)
        if (self.claimFails) throw away()
        return 'the first'
      },
      spool: {
        append: async ({ raw }: NewEvent) => {
          did.push(`spool ${raw.query}`)
          self.isEmpty = false
          await turn()
          if (self.spoolFails !== undefined) throw self.spoolFails
        },
        isEmpty: () => self.isEmpty,
        ending: () => self.ending,
        state: () => ({ ready: self.hasRoom }) as SpoolState,
      },
      probe: () => {
        const detail = self.isTight ? 'redis memory above 80 %' : self.isReady ? 'ready' : 'reconnecting'
        return { ready: self.isReady, detail, isTight: self.isTight, isTrying: self.isTrying }
      },
      log,
      now: () => clock.nowMs,
    }),
    lines,
    did,
    open,
    isReady: true,
    isTight: false,
    isTrying: false,
    hasRoom: true,
    claimFails: false,
    clock,
    isEmpty: true,
    ending: undefined,
    spoolFails: undefined,
    send: (lane, label) =>
      self.intake.enqueue(eventIn(lane, label)).then(
        ({ sequence }) => `taken ${sequence}`,
        (error: Error) => error.constructor.name,
      ),
  }
  return self
}

test('intake, while Redis takes events and the spool is empty, goes straight', async () => {
  const b = bench()
  const answer = b.send('a', 'a1')
  b.open.get('a1')?.yes()

  assert.equal(await answer, 'taken 7')
  assert.deepEqual(b.did, ['straight a1'])
  assert.equal(b.intake.state().way, 'straight')
})

test('intake, when Redis does not take the event, puts it in the spool and says so once', async () => {
  const b = bench()
  const answer = b.send('a', 'a1')
  b.open.get('a1')?.no(away())

  assert.equal(await answer, 'taken 0')
  assert.equal(await b.send('b', 'b1'), 'taken 0')
  assert.deepEqual(b.did, ['straight a1', 'spool a1', 'spool b1'])
  assert.deepEqual(
    b.lines.map(({ msg }) => msg),
    ['events go to the spool'],
  )
})

test('intake, while Redis is known to be away, does not ask it', async () => {
  const b = bench()
  b.isReady = false

  assert.equal(await b.send('a', 'a1'), 'taken 0')
  assert.deepEqual(b.did, ['spool a1'])
})

test('intake, while the spool is not empty, sends nothing straight, of any lane, although Redis is back', async () => {
  const b = bench()
  b.isEmpty = false
  await b.send('a', 'a1')
  await b.send('b', 'b1')
  b.isEmpty = true
  void b.send('b', 'b2')
  await turn()

  assert.deepEqual(b.did, ['spool a1', 'spool b1', 'straight b2'])
})

for (const [how, isEmpty, way] of [
  ['goes straight once it is empty', true, 'straight'],
  ['goes behind when it was in vain', false, 'spool'],
] as const) {
  test(`intake, near the end of the spool, waits for it, and ${how}, in order`, async () => {
    const b = bench()
    let end = () => {}
    b.isEmpty = false
    b.ending = new Promise((resolve) => {
      end = resolve
    })
    const answers = [b.send('a', 'a1'), b.send('a', 'a2'), b.send('b', 'b1')]
    await turn()
    assert.equal(b.did.length, 0)

    b.isEmpty = isEmpty
    b.ending = undefined
    end()
    await turn()
    for (const label of ['a1', 'b1']) b.open.get(label)?.yes()
    await turn()
    b.open.get('a2')?.yes()
    await Promise.all(answers)

    assert.deepEqual(
      b.did.filter((did) => did.includes(' a')),
      [`${way} a1`, `${way} a2`],
    )
    assert.ok(b.did.includes(`${way} b1`))
  })
}

test('intake, near the end of the spool, waits for nothing while Redis is away', async () => {
  const b = bench()
  b.isEmpty = false
  b.isReady = false
  b.ending = new Promise(() => {})

  assert.equal(await b.send('a', 'a1'), 'taken 0')
})

test('intake, when Redis refuses this one event, hands the refusal on and spools nothing', async () => {
  const b = bench()
  const answer = b.send('a', 'a1')
  b.open.get('a1')?.no(new EventRefusedError('full'))

  assert.equal(await answer, 'EventRefusedError')
  assert.deepEqual(b.did, ['straight a1'])
  assert.equal(b.intake.state().way, 'straight')
})

test('intake, when neither takes the event, says that Redis is unavailable', async () => {
  const b = bench()
  b.spoolFails = new RedisUnavailableError('neither')
  const answer = b.send('a', 'a1')
  b.open.get('a1')?.no(away())

  assert.equal(await answer, 'RedisUnavailableError')
})

test('intake, when an event on its way fails after a later one of its lane came, keeps their order in the spool', async () => {
  const b = bench()
  void b.send('x', 'x1')
  void b.send('a', 'a1')
  // Redis hangs: x1 gives up first, a1 a little later, a2 comes in between.
  b.open.get('x1')?.no(away())
  await turn()
  void b.send('a', 'a2')
  void b.send('a', 'a3')
  await turn()
  b.open.get('a1')?.no(away())
  await turn()

  assert.deepEqual(b.did, ['straight x1', 'straight a1', 'spool x1', 'spool a1', 'spool a2', 'spool a3'])
})

test('intake, when an event on its way is taken after all, lets the later ones of its lane go behind it', async () => {
  const b = bench()
  void b.send('x', 'x1')
  void b.send('a', 'a1')
  b.open.get('x1')?.no(away())
  await turn()
  void b.send('a', 'a2')
  b.open.get('a1')?.yes()
  await turn()

  assert.deepEqual(b.did, ['straight x1', 'straight a1', 'spool x1', 'spool a2'])
})

test('intake, when events of one lane come at once, sends each after the answer to the one before', async () => {
  const b = bench()
  for (const label of ['a1', 'a2', 'b1']) void b.send(label[0]!, label)
  await turn()
  assert.deepEqual(b.did, ['straight a1', 'straight b1'])

  // What refused a1 (memory full for a moment) may take a2: it must not come first.
  b.open.get('a1')?.no(away())
  await turn()

  assert.deepEqual(b.did, ['straight a1', 'straight b1', 'spool a1', 'spool a2'])
})

test('intake, from the decision for the spool on and before the write, lets nothing go straight', async () => {
  const b = bench()
  void b.send('x', 'x1')
  void b.send('a', 'a1')
  b.isReady = false
  // Decided, but waiting for a1: the spool itself knows nothing of it yet.
  void b.send('a', 'a2')
  b.isReady = true
  void b.send('c', 'c1')
  await turn()

  assert.deepEqual(b.did, ['straight x1', 'straight a1', 'spool c1'])
})

test('intake, while memory is left to the workers, spools without asking Redis, and says why', async () => {
  const b = bench()
  b.isTight = true

  assert.equal(await b.send('a', 'a1'), 'taken 0')
  assert.deepEqual(b.did, ['spool a1'])
  assert.deepEqual(b.lines[0], { ...b.lines[0], msg: 'events go to the spool', why: 'redis memory above 80 %' })
})

test('intake, while memory is left to the workers and the spool has no room, goes straight', async () => {
  const b = bench()
  b.isTight = true
  b.hasRoom = false
  const answer = b.send('a', 'a1')
  b.open.get('a1')?.yes()

  assert.equal(await answer, 'taken 7')
})

test('a claim, while Redis takes events, is asked, also when its memory is tight or the spool drains', async () => {
  const b = bench()
  b.isTight = true
  b.isEmpty = false

  assert.equal(await b.intake.claimEventId('x', 'own'), 'the first')
})

test('a claim, while Redis is known to be away, is not asked: the delivery is taken as a new one at once', async () => {
  const b = bench()
  b.isReady = false

  assert.equal(await b.intake.claimEventId('x', 'own'), 'own')
  assert.deepEqual(b.did, [])
})

test('a claim, after one that Redis did not answer, is not asked for a second; nor does the event itself wait again', async () => {
  const b = bench()
  b.claimFails = true

  assert.equal(await b.intake.claimEventId('x', 'own'), 'own')
  assert.equal(await b.send('a', 'a1'), 'taken 0')
  assert.equal(await b.intake.claimEventId('y', 'own'), 'own')
  assert.deepEqual(b.did, ['claim x', 'spool a1'])

  b.claimFails = false
  b.clock.nowMs = 1_000
  assert.equal(await b.intake.claimEventId('y', 'own'), 'the first')
})

test('a start, while the connection is on its way, waits for it; not for a spool that drains', async () => {
  const b = bench()
  Object.assign(b, { isReady: false, isTrying: true, isEmpty: false })
  let isOver = false

  const waiting = b.intake.untilKnown(1_000).then(() => {
    isOver = true
  })
  await pause(20)
  assert.equal(isOver, false)
  Object.assign(b, { isReady: true, isTrying: false })

  await waiting
})

test('a start, with Redis known to be away, does not wait; with one that hangs, not beyond the limit', async () => {
  const b = bench()
  b.isReady = false
  await b.intake.untilKnown(1_000)

  b.isTrying = true
  const waiting = b.intake.untilKnown(1_000)
  b.clock.nowMs = 1_000
  await waiting
})
