/**
 * The drain: what was spooled reaches Redis in order and once in effect, and what cannot be taken stops nothing.
 */
import assert from 'node:assert/strict'
import { open, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { EventRefusedError, RedisUnavailableError } from '../../src/errors.ts'
import { decode, encode } from '../../src/event/stored.ts'
import { eventOf, textOf } from '../../src/spool/event-text.ts'
import { createIntake } from '../../src/spool/intake.ts'
import { listRefused, replayRefused } from '../../src/spool/quarantine.ts'
import { encodeRecord } from '../../src/spool/record.ts'
import { eventOf as sampleOf } from '../../src/testing.ts'
import { eventIn, keptLog, spoolDir, taker, testSpool } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const labels = (count: number) => Array.from({ length: count }, (_, index) => String(index))

test('an event, as it lies in the spool, is the same event again, dates included', () => {
  const { sequence: _none, ...event } = sampleOf('Cdr', { src: '991', startTime: new Date(1_700_000_000_123) })

  assert.deepEqual(eventOf(textOf(event)), event)
  assert.equal(encode(eventOf(textOf(event))), encode(event))
  assert.ok(decode(JSON.parse(`{"sequence":1,${textOf(event).slice(1)}`)))
})

test('a spool, when Redis is back, drains every lane in order, each event once, and is empty', async (t) => {
  const redis = taker()
  redis.isUp = false
  const spool = await testSpool(t, { dir: await spoolDir(t), enqueue: redis.enqueue, segmentBytes: 20_000 })
  await Promise.all(labels(600).map((label) => spool.append(eventIn(`lane ${Number(label) % 7}`, label))))
  assert.equal(spool.isEmpty(), false)
  assert.equal(spool.state().events, 600)

  redis.isUp = true
  await waitFor(() => spool.isEmpty())

  assert.equal(redis.events.length, 600)
  for (const lane of labels(7)) {
    assert.deepEqual(
      redis.labels(`lane ${lane}`),
      labels(600).filter((label) => Number(label) % 7 === Number(lane)),
    )
  }
  assert.equal(spool.state().events, 0)
})

test('a spool, when Redis comes and goes while it drains, turns no lane round and loses nothing', async (t) => {
  const redis = taker()
  let calls = 0
  const enqueue: typeof redis.enqueue = async (event) => {
    calls += 1
    // Taken and not answered, or not taken: the drain cannot know.
    if (calls % 11 === 0) await redis.enqueue(event)
    if (calls % 11 === 0 || calls % 7 === 0) throw new RedisUnavailableError('no answer')
    return await redis.enqueue(event)
  }
  const spool = await testSpool(t, { dir: await spoolDir(t), enqueue })
  await Promise.all(labels(60).map((label) => spool.append(eventIn(`lane ${Number(label) % 3}`, label))))

  await waitFor(() => spool.isEmpty())

  for (const lane of labels(3)) {
    assert.deepEqual(
      redis.labels(`lane ${lane}`),
      labels(60).filter((label) => Number(label) % 3 === Number(lane)),
    )
  }
})

test('a spool, while it drains, takes new events behind the old ones', async (t) => {
  const redis = taker()
  redis.isUp = false
  const spool = await testSpool(t, { dir: await spoolDir(t), enqueue: redis.enqueue })
  await Promise.all(labels(300).map((label) => spool.append(eventIn('a', label))))

  redis.isUp = true
  for (const label of labels(320).slice(300)) await spool.append(eventIn('a', label))
  await waitFor(() => spool.isEmpty())

  assert.deepEqual(redis.labels(), labels(320))
})

test('a spool, while more comes than it ever sees the end of, ends all the same: the straight way opens', async (t) => {
  const redis = taker()
  redis.isUp = false
  const { log } = keptLog()
  // Slower than events come, so that behind the last there is always another.
  const slowly: typeof redis.enqueue = async (event) => {
    await pause(15)
    return await redis.enqueue(event)
  }
  const spool = await testSpool(t, { dir: await spoolDir(t), enqueue: slowly })
  const probe = () => ({ ready: redis.isUp, detail: 'ready' })
  const intake = createIntake({ enqueue: slowly, spool, probe, log })
  const sent: Promise<unknown>[] = []
  const send = () => void sent.push(intake.enqueue(eventIn(`lane ${sent.length % 40}`, String(sent.length))))
  for (let count = 0; count < 40; count += 1) send()
  const sending = setInterval(send, 2)
  t.after(() => clearInterval(sending))

  await waitFor(() => spool.state().events > 60)
  redis.isUp = true
  await waitFor(() => intake.state().way === 'straight')
  clearInterval(sending)
  await Promise.all(sent)
  await waitFor(() => spool.isEmpty())

  assert.equal(redis.events.length, sent.length)
  for (const lane of labels(40)) {
    const inOrder = labels(sent.length).filter((label) => Number(label) % 40 === Number(lane))
    assert.deepEqual(redis.labels(`lane ${lane}`), inOrder)
  }
})

test('a spool, from the call of append on and until Redis has answered for the last, is not empty', async (t) => {
  const redis = taker()
  let release: (() => void) | undefined
  let isHeld = false
  const holding: typeof open = async (...args) => {
    const handle = await open(...args)
    const datasync = handle.datasync.bind(handle)
    return Object.assign(handle, {
      datasync: async () => {
        if (isHeld) await new Promise<void>((resolve) => (release = resolve))
        await datasync()
      },
    })
  }
  const spool = await testSpool(t, { dir: await spoolDir(t), enqueue: redis.enqueue, open: holding })
  const first = spool.append(eventIn('a', '0'))
  assert.equal(spool.isEmpty(), false)
  const second = first.then(() => {
    isHeld = true
    return spool.append(eventIn('a', '1'))
  })

  // The first is taken, the second is on its way to the disk.
  await waitFor(() => redis.events.length === 1 && release !== undefined)
  for (let turns = 0; turns < 50; turns += 1) {
    assert.equal(spool.isEmpty(), false)
    await new Promise((resolve) => setImmediate(resolve))
  }
  isHeld = false
  release?.()
  await second
  await waitFor(() => spool.isEmpty())
  assert.deepEqual(redis.labels(), ['0', '1'])
})

test('a spool, left by a process that is gone, drains in the next one before anything newer', async (t) => {
  const dir = await spoolDir(t)
  const redis = taker()
  redis.isUp = false
  const first = await testSpool(t, { dir, enqueue: redis.enqueue, segmentBytes: 20_000 })
  for (const label of labels(100)) void first.append(eventIn('a', label))
  await first.append(eventIn('a', '100'))
  await first.close()

  const second = await testSpool(t, { dir, enqueue: redis.enqueue })
  assert.equal(second.isEmpty(), false)
  assert.equal(second.state().events, 101)
  await second.append(eventIn('a', '101'))
  redis.isUp = true
  await waitFor(() => second.isEmpty())

  assert.deepEqual(redis.labels(), labels(102))
  assert.equal((await readdir(dir)).filter((name) => name.startsWith('part-')).length, 1)
})

test('a spool, closed while Redis takes events, drains first and leaves nothing behind', async (t) => {
  const dir = await spoolDir(t)
  const redis = taker()
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue })
  await Promise.all(labels(50).map((label) => spool.append(eventIn('a', label))))

  await spool.close(5_000)

  assert.deepEqual(redis.labels(), labels(50))
  await assert.rejects(readdir(dir), { code: 'ENOENT' })
})

test('an event refused in the drain, stops nothing behind it and can be listed and replayed', async (t) => {
  const dir = await spoolDir(t)
  const redis = taker()
  redis.isUp = false
  const { log, lines } = keptLog()
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue, log })
  const events = labels(9).map((label) => eventIn(Number(label) % 3 === 0 ? 'full' : 'a', label))
  for (const event of events) await spool.append(event)

  redis.refuse.add('full')
  redis.isUp = true
  await waitFor(() => spool.isEmpty())

  assert.deepEqual(redis.labels(), ['1', '2', '4', '5', '7', '8'])
  assert.equal(spool.state().refused, 3)
  assert.equal(lines.filter(({ level, msg }) => level === 'error' && msg.includes('quarantine')).length, 3)
  const listed = await listRefused(dir)
  assert.deepEqual(
    listed.map(({ eventId }) => eventId),
    [events[0], events[3], events[6]].map((event) => event!.eventId),
  )

  assert.deepEqual(await replayRefused(dir, redis.enqueue, log), { replayed: 0, refused: 3 })
  redis.refuse.clear()
  assert.deepEqual(await replayRefused(dir, redis.enqueue, log, events[3]!.eventId), { replayed: 1, refused: 0 })
  assert.deepEqual(await replayRefused(dir, redis.enqueue, log), { replayed: 2, refused: 0 })
  assert.deepEqual(redis.labels('full'), ['3', '0', '6'])
  assert.deepEqual(await listRefused(dir), [])
})

test('a record that a newer version wrote, in the drain, goes to quarantine whole', async (t) => {
  const dir = await spoolDir(t)
  const redis = taker()
  redis.isUp = false
  const first = await testSpool(t, { dir, enqueue: redis.enqueue })
  await first.append(eventIn('a', '0'))
  await first.close()
  const part = join(dir, (await readdir(dir)).find((name) => name.startsWith('part-'))!)
  const stored = textOf(eventIn('a', 'new')).replace('"v":2', '"v":9')
  await writeFile(join(part, '00000002-00000000000002.seg'), encodeRecord(2, Buffer.from(stored)))

  redis.isUp = true
  const second = await testSpool(t, { dir, enqueue: redis.enqueue })
  await waitFor(() => second.isEmpty())

  assert.deepEqual(redis.labels(), ['0'])
  assert.deepEqual(
    (await listRefused(dir)).map((one) => one.stored),
    [stored],
  )
})

test('an event, when the spool is at its cap and Redis away, is refused loudly; when there is room again, taken', async (t) => {
  const redis = taker()
  redis.isUp = false
  const { log, lines } = keptLog()
  const spool = await testSpool(t, {
    dir: await spoolDir(t),
    enqueue: redis.enqueue,
    maxBytes: 200_000,
    segmentBytes: 40_000,
    log,
  })
  const body = 'x'.repeat(9_000)
  let taken = 0
  const fill = async () => {
    for (;;) {
      await spool.append(eventIn('a', String(taken), body))
      taken += 1
    }
  }

  await assert.rejects(fill(), RedisUnavailableError)
  assert.ok(taken > 10)
  assert.equal(spool.state().ready, false)
  assert.equal(spool.state().lost, 1)
  assert.equal(lines.filter(({ level }) => level === 'error').length, 1)

  redis.isUp = true
  await waitFor(() => spool.isEmpty())
  assert.deepEqual(redis.labels(), labels(taken))
  await waitFor(() => spool.state().ready)
  redis.isUp = false
  await spool.append(eventIn('a', 'again'))
})

test('an event that the disk refuses, while Redis takes events, waits its turn behind those on disk', async (t) => {
  const redis = taker()
  redis.isUp = false
  const spool = await testSpool(t, {
    dir: await spoolDir(t),
    enqueue: redis.enqueue,
    maxBytes: 100_000,
    limitMs: 10_000,
  })
  for (const label of labels(8)) await spool.append(eventIn('a', label, 'x'.repeat(11_000)))

  const large = spool.append(eventIn('a', '8', 'x'.repeat(50_000)))
  const small = spool.append(eventIn('a', '9'))
  await small
  redis.isUp = true
  await large
  await waitFor(() => spool.isEmpty())

  assert.deepEqual(redis.labels(), labels(10))
})

test('an event that the disk refuses and then Redis too, is refused to its sender alone', async (t) => {
  const redis = taker()
  redis.isUp = false
  const spool = await testSpool(t, {
    dir: await spoolDir(t),
    enqueue: redis.enqueue,
    maxBytes: 100_000,
    limitMs: 10_000,
  })
  await spool.append(eventIn('a', '0'))
  redis.refuse.add('full')

  const refused = spool.append(eventIn('full', '1', 'x'.repeat(110_000)))
  redis.isUp = true

  await assert.rejects(refused, EventRefusedError)
  await waitFor(() => spool.isEmpty())
  assert.deepEqual(redis.labels(), ['0'])
})

test('a spool, in a place where it cannot be, opens all the same, says so, and works once it can', async (t) => {
  const parent = await spoolDir(t)
  const dir = join(parent, 'spool')
  await writeFile(dir, 'a file where the folder should be')
  const redis = taker()
  const { log, lines } = keptLog()
  redis.isUp = false
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue, log })

  assert.equal(spool.state().ready, false)
  assert.ok(lines.some(({ level }) => level === 'error'))
  await assert.rejects(spool.append(eventIn('a', '0')), RedisUnavailableError)
  await rm(dir)
  await waitFor(() => spool.state().ready)
  await spool.append(eventIn('a', '1'))

  redis.isUp = true
  await waitFor(() => spool.isEmpty())
  assert.deepEqual(redis.labels(), ['1'])
})

test('a spool, while it is told to wait, hands nothing to Redis, and says why; then drains in order', async (t) => {
  const redis = taker()
  const { log, lines } = keptLog()
  let why: string | undefined = 'redis memory above 80 %'
  const spool = await testSpool(t, { dir: await spoolDir(t), enqueue: redis.enqueue, mayWait: () => why, log })
  await Promise.all(labels(20).map((label) => spool.append(eventIn('a', label))))
  await waitFor(() => lines.some(({ msg, error }) => msg === 'the spool waits for redis' && error === why))
  assert.equal(redis.tries.size, 0)

  why = undefined
  await waitFor(() => spool.isEmpty())

  assert.deepEqual(redis.labels(), labels(20))
})

test('a spool, told to wait while the disk refuses events, hands them to Redis all the same', async (t) => {
  const redis = taker()
  const spool = await testSpool(t, {
    dir: await spoolDir(t),
    enqueue: redis.enqueue,
    mayWait: () => 'redis memory above 80 %',
    limitMs: 5_000,
    maxBytes: 1_500,
  })
  for (const label of labels(12)) await spool.append(eventIn('a', label))

  assert.deepEqual(redis.labels(), labels(12))
})

test('a spool, told to wait when four fifths of its room are used, waits no longer: the rest is for when Redis refuses', async (t) => {
  const redis = taker()
  const maxBytes = 400_000
  const dir = await spoolDir(t)
  const mayWait = () => 'redis memory above 80 %'
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue, mayWait, maxBytes })
  const body = 'x'.repeat(20_000)
  for (let bytes = 0; bytes < 0.7 * maxBytes; bytes = spool.state().bytes) await spool.append(eventIn('a', '', body))
  assert.equal(redis.tries.size, 0)

  for (const label of labels(4)) await spool.append(eventIn('a', label, body))
  await waitFor(() => spool.isEmpty())

  assert.deepEqual(redis.labels().slice(-4), labels(4))
})
