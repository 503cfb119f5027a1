/**
 * Parts: who is dead and who merely stopped, who adopts, and that nothing is lost or turned round when they do.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { isOwnerDead, listenAsOwner } from '../../src/spool/owner-socket.ts'
import { adoptedBy, claim, createPart, findDead } from '../../src/spool/part.ts'
import { eventIn, spoolDir, taker, testSpool } from '../support/spool.ts'
import { waitFor } from '../support/wait.ts'

const log = createLog({ level: 'silent' })

/** A process that owns a part of `dir`, and its folder. */
async function owner(t: TestContext, dir: string): Promise<{ child: ChildProcess; part: string; died: Promise<void> }> {
  const before = await readdir(dir)
  const script = `
    import { createPart } from './src/spool/part.ts'
    import { createLog } from './src/log.ts'
    await createPart(${JSON.stringify(dir)}, createLog({ level: 'silent' }))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['-C', 'source', '--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: 'ignore',
  })
  const died = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  t.after(async () => {
    child.kill('SIGKILL')
    await died
  })
  const isNew = (name: string) => name.startsWith('part-') && !before.includes(name)
  const name = await waitFor(async () => (await readdir(dir)).find(isNew))
  return { child, part: join(dir, name), died }
}

test('an owner, stopped, is alive; killed, is dead', async (t) => {
  const dir = await spoolDir(t)
  const { child, part, died } = await owner(t, dir)

  assert.equal(await isOwnerDead(part), false)
  child.kill('SIGSTOP')
  for (let asked = 0; asked < 20; asked += 1) assert.equal(await isOwnerDead(part), false)
  child.kill('SIGKILL')
  await died
  assert.equal(await isOwnerDead(part), true)
})

test('owners, in folders whose paths are far longer than a socket may have, are told alive from dead, each its own', async (t) => {
  const above = join(await spoolDir(t), 'x'.repeat(120), 'y'.repeat(120))
  const [one, other] = [join(above, 'one'), join(above, 'other')]
  await mkdir(one, { recursive: true })
  await mkdir(other)

  const socket = await listenAsOwner(one)
  assert.deepEqual(await readdir(one), ['owner.sock'])
  assert.deepEqual([await isOwnerDead(one), await isOwnerDead(other)], [false, true])
  await socket.close()
  assert.equal(await isOwnerDead(one), true)
})

test('a part, and the folders above it, are for their owner alone', async (t) => {
  const dir = join(await spoolDir(t), 'spool')
  const part = await createPart(dir, log)
  t.after(() => part.release())

  for (const folder of [dir, part.dir]) assert.equal((await stat(folder)).mode & 0o777, 0o700)
})

test('parts, when processes look for the dead, are found by their socket; half-made ones are removed', async (t) => {
  const dir = await spoolDir(t)
  const living = await createPart(dir, log)
  const closed = await createPart(dir, log)
  const own = await createPart(dir, log)
  t.after(() => Promise.all([living.release(), own.release()]))
  await closed.release()
  await mkdir(join(dir, 'making-left-behind'))
  await mkdir(join(dir, 'quarantine'))

  assert.deepEqual(await findDead(dir, own.dir), [closed.dir])
  assert.deepEqual(
    (await readdir(dir)).filter((name) => !name.startsWith('part-')),
    ['quarantine'],
  )
})

test('a dead part, when many adopt it at once, goes to one of them', async (t) => {
  const dir = await spoolDir(t)
  const dead = await createPart(dir, log)
  await dead.release()
  const adopters = await Promise.all(Array.from({ length: 8 }, () => createPart(dir, log)))
  t.after(() => Promise.all(adopters.map((one) => one.release())))

  const won = await Promise.all(adopters.map((one) => claim(dead.dir, one.dir)))

  assert.equal(won.filter(Boolean).length, 1)
  const held = await Promise.all(adopters.map((one) => adoptedBy(one.dir)))
  assert.deepEqual(
    held.flat().map(({ id }) => id),
    [dead.id],
  )
})

test('parts, when each adopter dies in turn, stay in order and do not nest', async (t) => {
  const dir = await spoolDir(t)
  const ids: string[] = []
  let last = await createPart(dir, log)
  for (let death = 0; death < 12; death += 1) {
    await last.release()
    ids.push(last.id)
    const next = await createPart(dir, log)
    for (const dead of await findDead(dir, next.dir)) await claim(dead, next.dir)
    // Every third dies before it has put what it took in its place.
    if (death % 3 !== 2) await adoptedBy(next.dir)
    last = next
  }
  t.after(() => last.release())

  const held = await adoptedBy(last.dir)

  assert.deepEqual(
    held.map(({ id }) => id),
    ids,
  )
  for (const { dir: place } of held)
    assert.deepEqual(
      (await readdir(place)).filter((name) => name !== 'owner.sock'),
      [],
    )
})

test('a spool, whose part is adopted while it lives, keeps what it takes and says so', async (t) => {
  const dir = await spoolDir(t)
  const redis = taker()
  redis.isUp = false
  const one = await testSpool(t, { dir, enqueue: redis.enqueue })
  await one.append(eventIn('a', '1'))
  const part = join(dir, (await readdir(dir)).find((name) => name.startsWith('part-'))!)
  // As if its socket had been refused: an adopter comes and renames.
  const thief = await createPart(dir, log)
  await claim(part, thief.dir)

  await one.append(eventIn('a', '2'))
  await one.append(eventIn('a', '3'))
  await thief.release()
  redis.isUp = true
  await waitFor(() => redis.events.length === 3)

  // The first is with the thief, who is dead now, and comes back by adoption.
  assert.deepEqual(
    redis.labels().filter((label) => label !== '1'),
    ['2', '3'],
  )
  await waitFor(() => one.isEmpty())
})

test('a spool, when a process beside it dies, adopts its part and drains it', async (t) => {
  const dir = await spoolDir(t)
  const redis = taker()
  redis.isUp = false
  const one = await testSpool(t, { dir, enqueue: redis.enqueue })
  const other = await testSpool(t, { dir, enqueue: redis.enqueue })
  for (const label of ['1', '2', '3']) await other.append(eventIn('a', label))
  assert.equal(one.isEmpty(), true)

  await other.close()
  await waitFor(() => !one.isEmpty())
  redis.isUp = true
  await waitFor(() => one.isEmpty())

  assert.deepEqual(redis.labels(), ['1', '2', '3'])
  assert.equal((await readdir(dir)).filter((name) => name.startsWith('part-')).length, 1)
})
