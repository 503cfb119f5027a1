/**
 * Segments on a real disk: group commit, rotation, order, cursor, and a disk that refuses.
 */
import assert from 'node:assert/strict'
import { open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readCursor } from '../../src/spool/cursor.ts'
import { openQuarantine } from '../../src/spool/quarantine.ts'
import { openReader, type Reader } from '../../src/spool/reading.ts'
import { headerBytes } from '../../src/spool/record.ts'
import { createSegments, type Segments, type SegmentsOptions } from '../../src/spool/segments.ts'
import { keptLog, type LogLine, spoolDir } from '../support/spool.ts'

type Disk = {
  readonly dir: string
  readonly segments: Segments
  readonly lines: LogLine[]
  reader(): Promise<Reader>
  append(...texts: string[]): Promise<boolean[]>
  files(): Promise<string[]>
}

async function disk(t: TestContext, options: Partial<SegmentsOptions> = {}): Promise<Disk> {
  const dir = await spoolDir(t)
  const { log, lines } = keptLog()
  const segments = createSegments({ place: async () => dir, taken: () => {}, hasRoom: () => true, ...options })
  t.after(() => segments.rotate())
  return {
    dir,
    segments,
    lines,
    reader: () =>
      openReader({
        dir,
        id: 'p',
        quarantine: openQuarantine(dir),
        log,
        endOf: segments.endOf,
        isOpen: segments.isOpen,
      }),
    append: async (...texts) =>
      (await Promise.all(texts.map((text) => segments.append(Buffer.from(text))))).map(({ isWritten }) => isWritten),
    files: async () => (await readdir(dir)).filter((name) => name.endsWith('.seg')).sort(),
  }
}

type Handle = Awaited<ReturnType<typeof open>>

/** `open`, whose handles have some of their functions replaced. */
function openWith(change: (handle: Handle) => Partial<Handle>): typeof open {
  return async (...args) => {
    const handle = await open(...args)
    return Object.assign(handle, change(handle))
  }
}

const texts = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `text ${from + index}`)
const read = async (reader: Reader, max = 1_000) => (await reader.read(max)).map(({ body }) => `${body}`)

test('segments, given many records at once, share few commits and keep the order of the calls', async (t) => {
  let commits = 0
  const d = await disk(t, {
    open: openWith((handle) => {
      const datasync = handle.datasync.bind(handle)
      return {
        datasync: () => {
          commits += 1
          return datasync()
        },
      }
    }),
  })

  await d.append(...texts(500))

  assert.ok(commits <= 3, `${commits} commits for 500 records`)
  assert.deepEqual(await read(await d.reader()), texts(500))
})

test('segments, when a record is acknowledged, have been told by the disk that it is there', async (t) => {
  let isSynced = false
  const d = await disk(t, {
    open: openWith((handle) => {
      const datasync = handle.datasync.bind(handle)
      return {
        datasync: async () => {
          await datasync()
          isSynced = true
        },
      }
    }),
  })

  await d.append('one')

  assert.equal(isSynced, true)
})

test('segments, files and folders, are for their owner alone', async (t) => {
  const d = await disk(t)

  await d.append('one')

  assert.equal((await stat(join(d.dir, (await d.files())[0]!))).mode & 0o777, 0o600)
})

test('segments, when one has reached its size, go on in another and are read in order', async (t) => {
  const d = await disk(t, { segmentBytes: 200 })

  for (const text of texts(40)) await d.append(text)

  assert.ok((await d.files()).length >= 5)
  assert.deepEqual(await read(await d.reader()), texts(40))
})

test('a reader, whose limit falls while it reads, stops there, and goes on behind it later', async (t) => {
  const d = await disk(t, { segmentBytes: 200 })
  for (const text of texts(10)) await d.append(text)
  const reader = await d.reader()
  let asked = 0
  const falling = () => {
    asked += 1
    return asked < 3 ? Number.POSITIVE_INFINITY : 4
  }

  const found = await reader.read(10, falling)

  assert.deepEqual(
    found.map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  )
  assert.deepEqual(await read(reader), texts(6, 4))
})

test('a reader, once records are passed, removes their segments and starts behind them after a restart', async (t) => {
  const d = await disk(t, { segmentBytes: 200 })
  for (const text of texts(40)) await d.append(text)
  const before = await d.files()

  const first = await (await d.reader()).read(25)
  const reader = await d.reader()
  await reader.read(25)
  await reader.passed(first.at(-1)!.position)

  assert.ok((await d.files()).length < before.length)
  assert.deepEqual(await read(await d.reader()), texts(15, 25))
})

test('a reader, when it has removed a segment, left a cursor that points behind it', async (t) => {
  const d = await disk(t, { segmentBytes: 200 })
  for (const text of texts(40)) await d.append(text)
  const reader = await d.reader()
  const found = await reader.read(40)

  await reader.passed(found[20]!.position)

  const { segment, sequence } = await readCursor(d.dir)
  assert.equal(sequence, 21)
  assert.equal((await d.files())[0], segment)
})

test('a reader, when the cursor is damaged, reads again from the start', async (t) => {
  const d = await disk(t)
  await d.append(...texts(10))
  const reader = await d.reader()
  await reader.passed((await reader.read(5)).at(-1)!.position)
  await writeFile(join(d.dir, 'cursor'), '{"segment":"00000001-00000000000001.seg","offset":7,"sequence":5}\n1\n')

  assert.deepEqual(await read(await d.reader()), texts(10))
})

test('a reader, when all is passed, leaves no file behind', async (t) => {
  const d = await disk(t, { segmentBytes: 200 })
  for (const text of texts(40)) await d.append(text)
  const reader = await d.reader()
  await read(reader)

  await d.segments.rotate()
  await reader.tidy()

  assert.deepEqual(await d.files(), [])
  assert.equal((await readCursor(d.dir)).sequence, 40)
  await d.append('later')
  assert.deepEqual(await read(reader), ['later'])
})

test('segments, after a short write, cut it back and take the next record', async (t) => {
  let isFull = false
  const d = await disk(t, {
    open: openWith((handle) => {
      const write = handle.write.bind(handle) as (
        ...args: unknown[]
      ) => Promise<{ bytesWritten: number; buffer: Buffer }>
      return {
        write: (async (bytes: Buffer, from: number, length: number, at: number) => {
          if (isFull && from > 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
          return await write(bytes, from, isFull ? 9 : length, at)
        }) as unknown as Handle['write'],
      }
    }),
  })
  await d.append('before')
  const size = (await stat(join(d.dir, (await d.files())[0]!))).size

  isFull = true
  assert.deepEqual(await d.append('refused', 'refused'), [false, false])
  assert.equal((await stat(join(d.dir, (await d.files())[0]!))).size, size)
  isFull = false
  assert.deepEqual(await d.append('after'), [true])

  assert.deepEqual(await read(await d.reader()), ['before', 'after'])
  assert.equal((await d.files()).length, 1)
})

test('segments, after an fsync that failed, give the file up and write the record to another', async (t) => {
  let fails = 0
  const synced: number[] = []
  const d = await disk(t, {
    open: openWith((handle) => {
      const datasync = handle.datasync.bind(handle)
      return {
        datasync: async () => {
          synced.push(handle.fd)
          if (fails-- > 0) throw Object.assign(new Error('i/o error'), { code: 'EIO' })
          await datasync()
        },
      }
    }),
  })
  await d.append('before')

  fails = 1
  const answers = await d.append('hit')
  await d.append('after')

  assert.deepEqual(answers, [true])
  assert.equal((await d.files()).length, 2)
  assert.deepEqual(await read(await d.reader()), ['before', 'hit', 'after'])
})

test('segments, when no fsync works, refuse and never acknowledge', async (t) => {
  let isBroken = true
  const d = await disk(t, {
    open: openWith((handle) => {
      const datasync = handle.datasync.bind(handle)
      return {
        datasync: async () => {
          if (isBroken) throw Object.assign(new Error('i/o error'), { code: 'EIO' })
          await datasync()
        },
      }
    }),
  })

  assert.deepEqual(await d.append('lost'), [false])
  isBroken = false
  assert.deepEqual(await d.append('kept'), [true])

  assert.deepEqual(await read(await d.reader()), ['kept'])
})

test('segments, when there is room for some of the records only, take those and refuse the others', async (t) => {
  let room = 60
  const hasRoom = (bytes: number) => {
    if (bytes > room) return false
    room -= bytes
    return true
  }
  const d = await disk(t, { hasRoom })

  assert.deepEqual(await d.append('aaaaa', 'b'.repeat(50), 'ccccc', 'ddddd'), [true, false, true, false])

  assert.deepEqual(await read(await d.reader()), ['aaaaa', 'ccccc'])
})

test('segments, when another process has renamed their folder, write the record again to their next one', async (t) => {
  const dirs = [await spoolDir(t), await spoolDir(t)]
  let taken = 0
  const d = await disk(t, { place: async () => dirs[taken]!, taken: () => void taken++ })
  await d.append('before')
  await rename(dirs[0]!, `${dirs[0]}-adopted`)
  t.after(() => rm(`${dirs[0]}-adopted`, { recursive: true }))

  assert.deepEqual(await d.append('after'), [true])

  assert.equal(taken, 1)
  const { log } = keptLog()
  const reader = await openReader({ dir: dirs[1]!, id: 'p', quarantine: openQuarantine(d.dir), log })
  assert.deepEqual(await read(reader), ['after'])
})

test('a reader, when a segment is missing, goes on behind it and says how many records are gone', async (t) => {
  const d = await disk(t, { segmentBytes: 200 })
  for (const text of texts(40)) await d.append(text)
  const [, second, third] = await d.files()
  const first = Number(second!.slice(9, 23)) - 1
  const gone = Number(third!.slice(9, 23)) - 1 - first
  await rm(join(d.dir, second!))

  assert.deepEqual(await read(await d.reader()), [...texts(first), ...texts(40 - first - gone, first + gone)])
  assert.deepEqual(
    d.lines.filter(({ level }) => level === 'error').map(({ msg, missing }) => [msg, missing]),
    [['spool segment missing, going on behind it', gone]],
  )
})

test('a reader, when bytes are no record, moves them to quarantine, says so once and reads the rest', async (t) => {
  const d = await disk(t)
  await d.append(...texts(20, 10))
  const bytes = await open(join(d.dir, (await d.files())[0]!), 'r+')
  const size = headerBytes + 'text 10'.length
  for (const hit of [2, 7, 8, 19]) await bytes.write(Buffer.from([0xff]), 0, 1, hit * size + 5)
  await bytes.close()

  const found = await read(await d.reader())

  assert.deepEqual(
    found,
    texts(20, 10).filter((_, index) => ![2, 7, 8, 19].includes(index)),
  )
  const bad = (await readdir(join(d.dir, 'quarantine'))).filter((file) => file.endsWith('.bad'))
  // Two of the four lie side by side.
  assert.equal(bad.length, 3)
  assert.equal(d.lines.filter(({ level }) => level === 'error').length, 1)
})
