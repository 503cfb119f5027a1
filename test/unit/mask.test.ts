/**
 * Masking: numbers go, what people search by stays.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cutText, maskNumbers, maskValue } from '../../src/mask.ts'

const masked: readonly (readonly [string, string])[] = [
  ['CRM refused 09120000101', 'CRM refused 0912*****01'],
  ['+989120000101', '+9891******01'],
  ['00989120000101', '0098********01'],
  ['9120000101', '9120****01'],
  ['02191000504.', '0219*****04.'],
  ['tel:09120000101;x', 'tel:0912*****01;x'],
  ['{"number":9331112233}', '{"number":9331****33}'],
  ['default/number:09120000101', 'default/number:0912*****01'],
  ['queue:1010:09120000109', 'queue:1010:0912*****09'],
  ['شماره۰۹۱۲۰۰۰۰۱۰۱ است', 'شماره۰۹۱۲*****۰۱ است'],
  ['٠٩١٢٠٠٠٠١٠١', '٠٩١٢*****٠١'],
  ['call +98 912 000 0101 now', 'call +98 91* *** **01 now'],
  ['(021) 9100-0504', '(021) 9***-**04'],
  ['0912-000-0101', '0912-***-**01'],
  ['۰۹۱۲ ۰۰۰ ۰۱ ۰۱', '۰۹۱۲ *** ** ۰۱'],
  ['rec-09120000101-553.wav', 'rec-0912*****01-553.wav'],
  ['?from=%2B989120000101&x=1', '?from=%2B9891******01&x=1'],
]

for (const [text, expected] of masked) {
  test(`maskNumbers, given ${text}, masks the number`, () => {
    assert.equal(maskNumbers(text), expected)
  })
}

const untouched = [
  '1700000000.101',
  'default/call:1700000000.101',
  'orig.call.1700004999.120345',
  '1613906376.30',
  '20231114_1700000000.101.mp3',
  '2023-11-14 22:13:31.400000',
  '2023-11-14T22:13:31.400Z',
  '01890a5d-ac96-774b-bcce-b302099a8057',
  'voicemail:655408991b05af9835bb0001',
  'exten 553 and 554, 555 556 557 558',
  'connect ECONNREFUSED 192.168.100.200:65535',
  'no end after 30000 ms',
  'sequence 1700000000000000',
  '10:39:34',
]

for (const text of untouched) {
  test(`maskNumbers, given ${text}, leaves it`, () => {
    assert.equal(maskNumbers(text), text)
  })
}

test('maskNumbers, given any mobile number in any surroundings of letters, shows at most its first 4 and last 2 digits', () => {
  const mobile = fc.integer({ min: 9_000_000_000, max: 9_999_999_999 }).map((digits) => `0${digits}`)
  const words = fc.string({ unit: fc.constantFrom('a', 'ش', ' ', ':', '"', '/', '-', '_', '(', '\n') })
  fc.assert(
    fc.property(mobile, words, words, (number, before, after) => {
      const text = `${before}${number}${after}`

      const shown = maskNumbers(text)

      assert.equal(shown.length, text.length)
      assert.ok(!shown.includes(number.slice(4, -2)) || number.slice(4, -2) === '00000', shown)
      assert.ok(shown.includes('*****'), shown)
    }),
  )
})

test('maskNumbers, given any text, changes nothing but digits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = maskNumbers(text)

      assert.equal(shown.length, text.length)
      for (let at = 0; at < text.length; at++) assert.ok(shown[at] === text[at] || shown[at] === '*')
    }),
  )
})

test('maskNumbers, given a megabyte of digits and dashes, takes no long time', () => {
  const text = '0912-000-'.repeat(120_000)

  const shown = maskNumbers(text)

  assert.equal(shown.length, text.length)
})

test('cutText, given a text that fits, returns it as it is', () => {
  assert.equal(cutText('سلام', 8), 'سلام')
})

test('cutText, given a text that is too long, keeps whole characters and says that it was cut', () => {
  assert.equal(cutText('سلام', 7), 'سل…')
  assert.equal(cutText('abcdefgh', 6), 'abc…')
  assert.equal(cutText('😀😀😀', 8), '😀…')
})

test('cutText, given any text and limit, stays within the limit and well-formed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 40 }), (text, maxBytes) => {
      const cut = cutText(text, maxBytes)

      assert.ok(Buffer.byteLength(cut) <= maxBytes)
      assert.ok(!cut.includes('\ufffd'))
      if (Buffer.byteLength(text) <= maxBytes) assert.equal(cut, text)
    }),
  )
})

test('maskValue, given what JSON gives, masks numbers in texts, names and figures at any depth and leaves the rest', () => {
  const value = {
    eventId: '0197f3a2-7c1e-7000-8000-000000000001',
    callId: '1700000000.101',
    sequence: 1_764_109_240_123_456,
    data: { src: '09120000101', list: [{ 'to 09120000102': 9_120_000_103 }], seconds: 12, none: null, isOk: true },
  }

  assert.deepEqual(maskValue(value), {
    eventId: '0197f3a2-7c1e-7000-8000-000000000001',
    callId: '1700000000.101',
    sequence: 1_764_109_240_123_456,
    data: { src: '0912*****01', list: [{ 'to 0912*****02': '9120****03' }], seconds: 12, none: null, isOk: true },
  })
})
