/** What the admin takes for loopback, for a trouble of Redis, and for a number to mask; and what it says of an error. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback } from '../../src/admin/loopback.ts'
import { maskAnswer } from '../../src/admin/masking.ts'
import { RefusedError, refusalOf } from '../../src/admin/refusals.ts'
import { BridgeError, RedisUnavailableError } from '../../src/errors.ts'
import { maskEvent } from '../../src/mask.ts'
import { isOfRedis } from '../../src/queue/away.ts'

test('loopback, of addresses and names, is what no other machine reaches, and nothing that only begins like it', () => {
  const own = ['127.0.0.1', '127.8.8.8', '::1', 'localhost', 'LOCALHOST']
  const other = [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '1.127.0.0.1',
    '127.0.0.1.example',
    'localhost.example',
    '::ffff:127.0.0.1',
  ]

  assert.deepEqual(own.filter(isLoopback), own)
  assert.deepEqual(other.filter(isLoopback), [])
})

test('errors, of Redis and of the way to it, are told from faults of our own', () => {
  const named = (name: string, message = 'x') => Object.assign(new Error(message), { name })
  const redis = [
    named('ReplyError', 'LOADING Redis is loading the dataset in memory'),
    named('MaxRetriesPerRequestError'),
    new Error("Stream isn't writeable and enableOfflineQueue options is false"),
    new Error('Connection is closed.'),
    new Error('Command timed out'),
    Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  ]
  const ours = [
    new TypeError('x is not a function'),
    new RangeError('there is no shard 3'),
    new Error('oh'),
    'text',
    undefined,
  ]

  assert.deepEqual(redis.filter(isOfRedis), redis)
  assert.deepEqual(ours.filter(isOfRedis), [])
})

test('refusals, of a fault nobody expected, tell nothing of it; of others, code and status', () => {
  const told = (error: unknown) => {
    const { status, code } = refusalOf(error)
    return [status, code]
  }

  const fault = refusalOf(new TypeError('secret of 09120000101'))
  assert.deepEqual([fault.status, fault.code], [500, 'BRIDGE_INTERNAL'])
  assert.doesNotMatch(fault.message, /secret|0912/)
  assert.deepEqual(told(undefined), [500, 'BRIDGE_INTERNAL'])
  assert.deepEqual(told(new RedisUnavailableError('away')), [503, 'BRIDGE_REDIS_UNAVAILABLE'])
  assert.deepEqual(told(new BridgeError('BRIDGE_BAD_REQUEST', 'x')), [400, 'BRIDGE_BAD_REQUEST'])
  assert.deepEqual(told(new BridgeError('BRIDGE_SHARDS', 'x')), [503, 'BRIDGE_SHARDS'])
  assert.deepEqual(told(new RefusedError({ status: 418, code: 'BRIDGE_FORBIDDEN', message: 'x' })), [
    418,
    'BRIDGE_FORBIDDEN',
  ])
  assert.deepEqual(told(Object.assign(new Error('x'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 })), [
    413,
    'BRIDGE_BODY_TOO_LARGE',
  ])
})

test('masks, over an answer, keep figures, ids, moments and calls, and hide numbers in every text, field name and raw body', () => {
  const answer = {
    eventId: '0199b1c2-7d2e-7abc-8def-0123456789ab',
    callId: '1700000000.101',
    lane: 'default/queue:1010:09120000101',
    deadAt: '2026-11-25T14:32:07.000Z',
    attempts: 1_234_567_890,
    error: 'no route to +989120000101',
    event: {
      data: { src: '09120000101', count: 9_120_000_101, '09120000101': true },
      raw: { body: 'src=09120000101', bodyEncoding: 'utf8', query: '' },
    },
  }

  const masked = maskAnswer(answer)

  const { eventId, callId, deadAt, attempts } = answer
  assert.deepEqual(
    { eventId: masked.eventId, callId: masked.callId, deadAt: masked.deadAt, attempts: masked.attempts },
    { eventId, callId, deadAt, attempts },
  )
  assert.doesNotMatch(JSON.stringify(masked), /9120000101/)
  const binary = { raw: { body: Buffer.from('09120000101').toString('base64'), bodyEncoding: 'base64' } }
  assert.deepEqual(maskEvent(binary), { raw: { body: '', bodyEncoding: 'base64' } })
})
