import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createReader, pathBelow, targetOf } from '../../src/ingress/raw.ts'
import { redactPath, redactQuery } from '../../src/ingress/redact.ts'

const token = 'Zx81kQp0aLm27Tv'

test('targetOf, given any URL, splits it at the first question mark and decodes nothing', () => {
  assert.deepEqual(targetOf('/simotel/New%20State?a=%ff&b=?'), { path: '/simotel/New%20State', query: 'a=%ff&b=?' })
  assert.deepEqual(targetOf('/simotel'), { path: '/simotel', query: '' })
})

test('targetOf, given a URL with host as proxies send it, drops the host and any credentials in it', () => {
  assert.deepEqual(targetOf('http://u:p@pbx:3000/simotel/Cdr?x=1'), { path: '/simotel/Cdr', query: 'x=1' })
  assert.deepEqual(targetOf('http://pbx'), { path: '/', query: '' })
  assert.deepEqual(targetOf('*'), { path: '/*', query: '' })
})

test('pathBelow, given paths in and outside WEBHOOK_PATH, tells them apart by whole segments', () => {
  const below = (path: string) => pathBelow('/simotel', path)
  assert.equal(below('/simotel'), '/')
  assert.equal(below('/simotel/'), '/')
  assert.equal(below('/simotel//NewState'), '//NewState')
  assert.equal(below('//simotel/NewState'), '/NewState')
  assert.equal(below('/simotelx'), undefined)
  assert.equal(below('/'), undefined)
  assert.equal(pathBelow('/', '/NewState'), '/NewState')
  assert.equal(pathBelow('/', '//NewState'), '//NewState')
  assert.equal(pathBelow('/a/b', '/a/b/c'), '/c')
})

test('reader, given bytes that are no UTF-8, keeps them as base64', () => {
  const bytes = Buffer.from([0x1f, 0x8b, 0xff, 0x00, 0x80])

  const { raw } = createReader([])('POST', '/', '', '', bytes)

  assert.equal(raw.bodyEncoding, 'base64')
  assert.deepEqual(Buffer.from(raw.body, 'base64'), bytes)
})

test('reader, given any body, keeps every byte of it', () => {
  const read = createReader([])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const { raw } = read('POST', '/', '', '', Buffer.from(bytes))
      assert.deepEqual(Buffer.from(raw.body, raw.bodyEncoding), Buffer.from(bytes))
    }),
  )
})

test('reader, given any path and query, throws never and keeps a leading slash', () => {
  const read = createReader(['tehran'])
  const text = fc.string({
    unit: fc.constantFrom('/', '%', 'a', '1', '?', '&', '=', 'ff', 'key', 'Cdr', 'tehran', 'Z9x'),
  })
  fc.assert(
    fc.property(text, text, (path, query) => {
      const { raw } = read('GET', `/${path}`, query, '', undefined)
      assert.match(raw.path, /^\//)
    }),
  )
})

test('reader, given SOURCES, takes the first segment that is one out of the path', () => {
  const read = (below: string, sources = ['tehran', 'karaj']) => {
    const { source, raw } = createReader(sources)('POST', below, '', '', undefined)
    return [source, raw.path]
  }
  assert.deepEqual(read('/tehran'), ['tehran', '/'])
  assert.deepEqual(read('/karaj/NewState'), ['karaj', '/NewState'])
  assert.deepEqual(read('//tehran//Cdr'), ['tehran', '//Cdr'])
  assert.deepEqual(read('/Tehran/Cdr'), ['tehran', '/Cdr'])
  assert.deepEqual(read('/Cdr/tehran'), ['default', '/Cdr/tehran'])
  assert.deepEqual(read('/tehran/Cdr', []), ['default', '/tehran/Cdr'])
  assert.deepEqual(read('/Tehran', ['tehran', 'Tehran']), ['Tehran', '/'])
})

test('redactQuery, given keys that name a secret in any spelling, takes their pairs out', () => {
  for (const key of [
    'api_key',
    'apikey',
    'apiKey',
    'key',
    'token',
    'access_token',
    'X-Auth-Token',
    'secret',
    'client_secret',
    'password',
    'pass',
    'pwd',
    'userPassword',
    'api%5Fkey',
  ]) {
    assert.equal(redactQuery(`${key}=${token}&event_name=Cdr`), 'event_name=Cdr', key)
    assert.equal(redactQuery(`event_name=Cdr&${key}=${token}`), 'event_name=Cdr', key)
    assert.equal(redactQuery(`${key}=${token}`), '', key)
  }
})

test('redactQuery, given every field that Simotel documents, leaves it byte for byte', () => {
  const fields =
    'event_name event cuid unique_id originated_call_id exten state participant direction queue dialer transferer ' +
    'transfer transferred_from transferred_to number entry_point outgoing_point exit_point fax_id src dst date ' +
    'description info billsec wait duration agent_wait disposition hangup queue_status comment record answeredtime ' +
    'ringtime starttime endtime detail id caller filename message data receiver active attached_file point label ' +
    'type poll_point poll_lable did last_time last_time_sec trunk_name trunk_type start end campaign_id campaign ' +
    'interface_context interface_text try repeat tries cdr_id cause cause-txt queue_name caller_id app_name m server_profile'
  const query = fields
    .split(' ')
    .map((field) => `${field}=${token}?/+%ff`)
    .join('&')

  assert.equal(redactQuery(query), query)
  assert.equal(redactQuery('a=1&&b=what?&'), 'a=1&&b=what?&')
})

test('redactQuery, given a second question mark behind a secret, keeps what follows', () => {
  assert.equal(redactQuery(`api_key=${token}?event_name=Cdr&cuid=1.2`), 'event_name=Cdr&cuid=1.2')
  assert.equal(redactQuery(`token=ab?cd&event_name=Cdr`), 'event_name=Cdr')
})

test('redactPath, given a secret before the event name, takes it out', () => {
  for (const secret of [
    token,
    'token',
    'token=abc',
    'api_key:abc',
    'secret-abc',
    '550e8400-e29b-41d4-a716-446655440000',
    '9f86d081884c7d659a2feaa0c55ad015',
    'aGVsbG8gd29ybGQgMQ%3D%3D',
    '1234567890',
    'kJhGfDsAqWeRtYuI',
    '%ff1234567890',
  ]) {
    assert.equal(redactPath(`/${secret}/NewState`), '/NewState', secret)
  }
  assert.equal(redactPath('/token/abc/New%20State'), '/New%20State')
  assert.equal(redactPath(`/${token}`), '/')
  assert.equal(redactPath(`/pbx-2/${token}/`), '/pbx-2/')
})

test('redactPath, given names and words, leaves them', () => {
  for (const path of [
    '/',
    '/NewState',
    '/new_state',
    '/New%20State',
    '//Cdr',
    '/cdr/',
    '/ReservedCallInFront',
    '/SomethingThatSimotelAddsIn2027',
    '/call-center/pbx2/Cdr',
    '/%ff/Cdr',
    '/فروش/Cdr',
  ]) {
    assert.equal(redactPath(path), path)
  }
})

test('redactPath, given a very long segment, answers at once', () => {
  assert.equal(redactPath(`/${'a'.repeat(60_000)}/NewState`), '/NewState')
  assert.equal(redactQuery(`${'key_'.repeat(20_000)}=1&a=2`), 'a=2')
})
