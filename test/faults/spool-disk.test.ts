/**
 * Rows of the fault matrix in which the disk fails: never a false 200, and what is intact is delivered whatever lies beside it.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { decodeRecords } from '../../src/spool/record.ts'
import { freePort, uniquePrefix } from '../support/redis.ts'
import { faultRow, type Row } from '../support/row.ts'
import { eventIn, keptLog, spoolDir, taker, testSpool } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const labels = (count: number) => Array.from({ length: count }, (_, index) => String(index))

/** The segments of a spool that held these events when its process died, and the part they lie in. */
async function leftBehind(t: TestContext, dir: string, count: number, segmentBytes?: number): Promise<string> {
  const redis = taker()
  redis.isUp = false
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue, ...(segmentBytes ? { segmentBytes } : {}) })
  for (const label of labels(count)) await spool.append(eventIn(`lane ${Number(label) % 3}`, label))
  await spool.close()
  return join(dir, (await readdir(dir)).find((name) => name.startsWith('part-'))!)
}

const segmentsIn = async (part: string) => (await readdir(part)).filter((name) => name.endsWith('.seg')).sort()

/** What the next process delivers of it. */
async function delivered(t: TestContext, dir: string) {
  const redis = taker()
  const { log, lines } = keptLog()
  // Looks for dead parts all the time, also in the moment in which the adopted one goes.
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue, log, lookEveryMs: 1 })
  await waitFor(() => spool.isEmpty())
  const errors = lines.filter(({ level }) => level === 'error')
  const { bad } = spool.state()
  await spool.close()
  return { labels: redis.labels(), errors, bad }
}

/** The one part of `dir` again, with `bytes` as its only segment. */
async function again(dir: string, name: string, bytes: Buffer): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(join(dir, 'part-1'), { recursive: true })
  await writeFile(join(dir, 'part-1', name), bytes)
}

faultRow('Torn last record', 'the tail is cut, whatever is before it is delivered', async (t, row) => {
  const dir = await spoolDir(t)
  const part = await leftBehind(t, dir, 12)
  const [name] = await segmentsIn(part)
  const bytes = await readFile(join(part, name!))
  const ends = [...decodeRecords(bytes)].map(({ end }) => end)

  // Every byte of the last three records in the long run; test/unit/spool-record.test.ts reads them all without a spool.
  const some = ends.slice(-4, -1).flatMap((end) => [0, 1, 4, 10, 19, 20, 21, 100].map((more) => end + more))
  const from = ends.at(-4) ?? 0
  const every = Array.from({ length: bytes.length - from }, (_, more) => from + more)
  const cuts = [...row.pick(some, every), bytes.length - 1, bytes.length]
  let lost = 0
  let wrong = 0
  for (const cut of cuts) {
    await again(dir, name!, bytes.subarray(0, cut))

    const found = await delivered(t, dir)

    const intact = labels(ends.filter((end) => end <= cut).length)
    lost += intact.filter((label) => !found.labels.includes(label)).length
    wrong += found.labels.filter((label) => !intact.includes(label)).length
    assert.equal(found.bad, ends.includes(cut) ? 0 : 1)
  }
  row.fact('intact records lost', lost, 0)
  row.fact('wrong records', wrong, 0)
  row.figure('cuts', cuts.length, { atLeast: every.length })
})

const damage = 'Bit flip, zeroed tail, missing segment'

faultRow(damage, 'a flip costs one event, which lies in quarantine, and one line in the log', async (t, row) => {
  const dir = await spoolDir(t)
  const part = await leftBehind(t, dir, 12)
  const [name] = await segmentsIn(part)
  const bytes = await readFile(join(part, name!))
  const records = [...decodeRecords(bytes)]

  const some = records.flatMap(({ start }, index) =>
    [index % 4, 4 + (index % 16), 40 + index].map((offset) => ({ at: start + offset, bit: index % 8 })),
  )
  const random = Array.from({ length: 500 }, () => ({
    at: Math.floor(Math.random() * bytes.length),
    bit: Math.floor(Math.random() * 8),
  }))
  const flips = row.pick(some, random)
  let most = 0
  let wrong = 0
  for (const { at, bit } of flips) {
    const flipped = Buffer.from(bytes)
    flipped[at]! ^= 1 << bit
    await again(dir, name!, flipped)

    const found = await delivered(t, dir)

    const index = records.findIndex(({ end }) => at < end)
    const lost = labels(12).filter((label) => !found.labels.includes(label))
    most = Math.max(most, lost.filter((label) => label !== String(index)).length + lost.length)
    wrong += found.labels.filter((label) => !labels(12).includes(label)).length
    assert.equal(found.bad, 1)
    assert.equal(found.errors.length, 1)
  }
  row.fact('lost per flip', most, 1)
  row.fact('wrong records', wrong, 0)
  row.figure('flips', flips.length, { atLeast: 500 })
})

faultRow(damage, 'the process starts, says so, and delivers the rest in order', async (t, row) => {
  const dir = await spoolDir(t)
  const part = await leftBehind(t, dir, 60, 3_000)
  const segments = await segmentsIn(part)
  assert.ok(segments.length >= 4)
  const missing = [...decodeRecords(await readFile(join(part, segments[1]!)))].length
  const first = [...decodeRecords(await readFile(join(part, segments[0]!)))].length
  await rm(join(part, segments[1]!))
  const last = join(part, segments.at(-1)!)
  const bytes = await readFile(last)
  await writeFile(last, Buffer.concat([bytes, Buffer.alloc(4_096)]))

  const found = await delivered(t, dir)

  const expected = labels(60).toSpliced(first, missing)
  row.fact('intact records lost', expected.filter((label) => !found.labels.includes(label)).length, 0)
  for (const lane of [0, 1, 2]) {
    const ofLane = (label: string) => Number(label) % 3 === lane
    assert.deepEqual(found.labels.filter(ofLane), expected.filter(ofLane))
  }
  assert.deepEqual(
    found.errors.map((line) => line['missing'] ?? line['bytes']),
    [missing, 4_096],
  )
  assert.equal(found.bad, 1)
})

type Writer = { readonly child: ChildProcess; readonly ledger: string; acked(): string[]; refused(): number }

/** A process whose Redis is away, in a shell that prepares its limits, writing to the spool in `dir`. */
async function writer(t: TestContext, dir: string, prepare: string, bodyBytes: number): Promise<Writer> {
  const ledger = join(await spoolDir(t), 'ledger')
  writeFileSync(ledger, '')
  const command = `${prepare}; exec ${process.execPath} -C source --import tsx test/support/spool-process.ts`
  const child = spawn('bash', ['-c', command], {
    env: {
      ...process.env,
      REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
      KEY_PREFIX: 'nobody',
      SPOOL_DIR: dir,
      LEDGER_FILE: ledger,
      RUN: '0',
      LANES: 'a,b',
      BODY_BYTES: String(bodyBytes),
    },
    stdio: 'ignore',
  })
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const lines = (answer: string) =>
    readFileSync(ledger, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(answer))
  return {
    child,
    ledger,
    acked: () => lines('acked').map((line) => line.split(' ')[3]!),
    refused: () => lines('refused').length,
  }
}

async function killed({ child }: Writer): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Every event that was acknowledged is delivered by the next process. */
async function allDelivered(t: TestContext, row: Row, dir: string, acked: readonly string[]): Promise<void> {
  const redis = taker()
  const spool = await testSpool(t, { dir, enqueue: redis.enqueue })
  await waitFor(() => spool.isEmpty())
  const found = new Set(redis.events.map(({ eventId }) => eventId))
  row.fact('false 200s', acked.filter((eventId) => !found.has(eventId)).length, 0)
  await spool.close()
}

faultRow('Spool disk full', 'files that may not grow (short write, EFBIG) give no false 200', async (t, row) => {
  const dir = await spoolDir(t)
  // Nothing as large fits into any file: some bytes are written, then the system refuses.
  const large = await writer(t, dir, 'ulimit -f 32', 40_000)
  await waitFor(() => large.refused() >= row.pick(5, 20))
  assert.equal(large.acked().length, 0)
  await killed(large)

  // A few of these fit into each file, and the spool goes on in the next.
  const small = await writer(t, dir, 'ulimit -f 32', 5_000)
  await waitFor(() => small.acked().length >= 40)
  await killed(small)

  await allDelivered(t, row, dir, small.acked())
})

faultRow(
  'Spool disk full',
  'a full disk gives no false 200, and takes events again once there is room',
  async (t, row) => {
    const dir = join(tmpdir(), `bridge-full-${uniquePrefix()}`)
    await mkdir(dir)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'spool-test', dir], { stdio: 'ignore' })
    } catch {
      await rm(dir, { recursive: true })
      t.diagnostic('no right to mount: a disk that refuses is played in test/unit/spool-segments.test.ts')
      return
    }
    t.after(async () => {
      execFileSync('umount', ['-l', dir])
      await rm(dir, { recursive: true })
    })
    const filler = join(dir, 'filler')
    await writeFile(filler, Buffer.alloc(500_000))
    const full = await writer(t, dir, 'true', 5_000)
    await waitFor(() => full.refused() >= 5)
    const before = full.acked().length
    assert.ok(before > 20)

    await rm(filler)
    await waitFor(() => full.acked().length > before + 20)
    await killed(full)

    await allDelivered(t, row, dir, full.acked())
  },
)
