/**
 * Rows of the fault matrix in which Redis is away: every event is acknowledged, and all of them are there afterwards, in order.
 */
import assert from 'node:assert/strict'
import { connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createLog } from '../../src/log.ts'
import { freePort, inspect, type OwnRedis, startRedis, uniquePrefix } from '../support/redis.ts'
import { spoolDir } from '../support/spool.ts'
import { openWay, type Sent, startSenders, takenBy, type Way } from '../support/spool-way.ts'
import { waitFor } from '../support/wait.ts'

const lanes = Array.from({ length: 8 }, (_, index) => `default/call:${index}`)

type Row = { readonly redis: OwnRedis; readonly prefix: string; readonly way: Way }

async function row(
  t: TestContext,
  { url, before }: { url?: string; before?: (redis: OwnRedis) => Promise<void> } = {},
) {
  const redis = await startRedis(t)
  await before?.(redis)
  const prefix = uniquePrefix()
  const env = { REDIS_URL: url ?? redis.url, KEY_PREFIX: prefix, SPOOL_DIR: await spoolDir(t) }
  const way = await openWay(env, createLog({ level: process.env['TEST_LOG'] ?? 'silent' }))
  t.after(() => way.close())
  return { redis, prefix, way }
}

/** Nothing refused, nothing lost, nothing twice, every lane in the order of its acks. */
async function judge(t: TestContext, { redis, prefix, way }: Row, sent: Sent): Promise<void> {
  await waitFor(() => way.spool.isEmpty())
  t.diagnostic(`slowest ack ${Math.round(sent.slowestMs)} ms`)
  assert.equal(sent.refused, 0)
  for (const [lane, ids] of sent.acked) {
    assert.ok(ids.length > 0)
    assert.deepEqual(await takenBy(t, redis.url, prefix, lane), ids)
  }
}

/** Sends while `during` makes trouble and ends it; then until events have gone straight again. */
async function under(t: TestContext, r: Row, during: (sent: () => number) => Promise<void>): Promise<void> {
  const senders = startSenders(r.way.intake, lanes, 5)
  await during(senders.count)
  await waitFor(() => r.way.intake.state().way === 'straight')
  const before = senders.count()
  await waitFor(() => senders.count() > before + 2 * lanes.length)
  await judge(t, r, await senders.stop())
}

/** Enough of them came meanwhile that the outage was seen in full. */
async function more(sent: () => number, count = 200): Promise<void> {
  const before = sent()
  await waitFor(() => sent() > before + count)
}

test('Redis down at start: events are acknowledged, and all there, in order, once it answers', async (t) => {
  const before = async (redis: OwnRedis) => {
    redis.kill('SIGKILL')
    await redis.died()
  }
  const r = await row(t, { before })
  assert.equal(r.way.intake.state().redis.ready, false)
  assert.equal(r.way.intake.state().ready, true)

  await under(t, r, async (sent) => {
    await more(sent)
    await r.redis.restart()
  })
})

test('Redis kill -9, restart: events are acknowledged throughout, and all there, in order', async (t) => {
  const r = await row(t)

  await under(t, r, async (sent) => {
    await more(sent)
    for (const _kill of [1, 2]) {
      r.redis.kill('SIGKILL')
      await r.redis.died()
      await more(sent)
      await r.redis.restart()
      await more(sent)
    }
  })
})

test('Redis stopped: the first events wait for the timeout, later ones do not, all are there, in order', async (t) => {
  const r = await row(t)

  await under(t, r, async (sent) => {
    await more(sent)
    for (const _stop of [1, 2, 3]) {
      r.redis.kill('SIGSTOP')
      await waitFor(() => r.way.intake.state().way === 'spool')
      await more(sent)
      r.redis.kill('SIGCONT')
      await more(sent)
    }
  })
})

test('Redis stopped: for moments around the timeout, lanes keep their order', async (t) => {
  const r = await row(t)

  await under(t, r, async (sent) => {
    for (const stopMs of [250, 290, 300, 310, 330, 390, 410, 450]) {
      await more(sent, 20)
      r.redis.kill('SIGSTOP')
      await new Promise((resolve) => setTimeout(resolve, stopMs))
      r.redis.kill('SIGCONT')
    }
  })
})

test('READONLY: events are acknowledged while Redis is a replica, and all there, in order', async (t) => {
  const r = await row(t)
  const operator = inspect(t, r.redis.url)

  await under(t, r, async (sent) => {
    await more(sent)
    // Its data stay: the master it is told of does not exist.
    await operator.replicaof('127.0.0.1', String(await freePort()))
    await more(sent)
    await operator.replicaof('NO', 'ONE')
  })
})

test('OOM: events are acknowledged while the memory of Redis is full, and all there, in order', async (t) => {
  const r = await row(t)
  const operator = inspect(t, r.redis.url)

  await under(t, r, async (sent) => {
    for (const limit of ['1mb', '1mb', '1mb']) {
      await more(sent, 50)
      await operator.config('SET', 'maxmemory', limit)
      await more(sent, 50)
      await operator.config('SET', 'maxmemory', '0')
    }
  })
})

test('Black hole: events are acknowledged while Redis is mute, and all there, in order', async (t) => {
  const port = await freePort()
  const hole = { isMute: false, target: 0, sockets: new Set<Socket>() }
  const join = (from: Socket, to: Socket) => {
    hole.sockets.add(from)
    from.on('data', (bytes) => to.write(bytes))
    if (hole.isMute) from.pause()
    from.on('error', () => {})
    from.on('close', () => {
      hole.sockets.delete(from)
      to.destroy()
    })
  }
  const proxy = createServer((client) => {
    const server = connect(hole.target, '127.0.0.1')
    join(client, server)
    join(server, client)
  })
  proxy.listen(port, '127.0.0.1')
  t.after(() => {
    proxy.close()
    for (const socket of hole.sockets) socket.destroy()
  })
  const before = async (redis: OwnRedis) => {
    hole.target = redis.port
  }
  const r = await row(t, { url: `redis://127.0.0.1:${port}`, before })

  await under(t, r, async (sent) => {
    await more(sent)
    hole.isMute = true
    for (const socket of hole.sockets) socket.pause()
    await waitFor(() => r.way.intake.state().way === 'spool')
    await more(sent)
    hole.isMute = false
    for (const socket of hole.sockets) socket.resume()
  })
})
