/**
 * defineProcessor: what compiles, and what is refused when it is called all the same.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineProcessor, type Event, type Processor } from '../../src/index.ts'
import { isProcessor } from '../../src/runner/define.ts'

// JavaScript and casts get past the compiler; the messages are for them.
const define = defineProcessor as unknown as (...given: unknown[]) => Processor

test('defineProcessor, given a name, types event.data by it', () => {
  const processor = defineProcessor('Cdr', (event) => {
    const seconds: number | undefined = event.data.billedSeconds
    const disposition: 'answered' | 'no-answer' | 'busy' | 'failed' | 'congestion' | 'other' | undefined =
      event.data.disposition
    // @ts-expect-error a misspelt field does not compile
    void event.data.bilSeconds
    // @ts-expect-error neither does a comparison with a value that the field cannot have
    if (disposition === 'ANSWERED') void seconds
  })

  assert.deepEqual(processor.names, ['Cdr'])
  assert.equal(processor.kind, 'processor')
})

test('defineProcessor, given several names, types event as a union that its name narrows', () => {
  const processor = defineProcessor(['Cdr', 'CdrQueue'], { attempts: 3 }, async (event, ctx) => {
    const either: Event<'Cdr'> | Event<'CdrQueue'> = event
    void either.data.src
    // @ts-expect-error a field that only one of them has
    void event.data.queue
    if (event.name === 'CdrQueue') void event.data.queue
    if (event.data.src === undefined) return ctx.skip('nobody')
  })

  assert.deepEqual(processor.names, ['Cdr', 'CdrQueue'])
  assert.deepEqual(processor.options, { attempts: 3 })
})

test("defineProcessor, given '*', gets every event", () => {
  const processor = defineProcessor('*', (event, ctx) => {
    const any: Event = event
    ctx.log.info({ name: any.name }, 'seen')
  })

  assert.deepEqual(processor.names, ['*'])
})

test('defineProcessor, what it makes, cannot be changed', () => {
  const processor = defineProcessor('Cdr', { backoff: { firstMs: 5 } }, () => {})

  assert.ok(Object.isFrozen(processor) && Object.isFrozen(processor.names))
  assert.ok(Object.isFrozen(processor.options) && Object.isFrozen(processor.options.backoff))
  assert.ok(isProcessor(processor))
})

test('defineProcessor, given what does not compile, throws as well', () => {
  // @ts-expect-error a misspelt event name does not compile
  assert.throws(() => defineProcessor('Crd', () => {}), /unknown event name 'Crd': did you mean 'Cdr'\?/)
  // @ts-expect-error neither does a misspelt option
  const misspelt = () => defineProcessor('Cdr', { timeout: 5 }, () => {})
  assert.throws(misspelt, /unknown option timeout: did you mean timeoutMs\?/)
  // @ts-expect-error nor a result that means nothing
  assert.ok(defineProcessor('Cdr', async () => 'done'))
})

const refused: readonly (readonly [string, readonly unknown[], RegExp])[] = [
  ["a spelling of Simotel's", ['New State', () => {}], /'New State': did you mean 'NewState'\?/],
  ['a heading of the documentation', ['AutoDialer', () => {}], /did you mean 'AutoDialerReport'\?/],
  ['a lower-case name', ['cdrqueue', () => {}], /did you mean 'CdrQueue'\?/],
  ['a name like none', ['Telephone', () => {}], /unknown event name 'Telephone': give one of NewState, Transfer/],
  ['no name', [undefined, () => {}], /unknown event name undefined/],
  ['no names', [[], () => {}], /no event name/],
  ['a name twice', [['Cdr', 'Cdr'], () => {}], /'Cdr' twice/],
  ["'*' and another", [['*', 'Cdr'], () => {}], /'\*' beside other names/],
  ['no function', ['Cdr'], /for Cdr has no function/],
  ['options and no function', ['Cdr', { attempts: 3 }], /for Cdr has no function/],
  ['options that are null', ['Cdr', null, () => {}], /options of the processor for Cdr are not an object/],
  ['attempts of 0', ['Cdr', { attempts: 0 }, () => {}], /attempts 0: give a whole number from 1/],
  ['attempts as text', ['Cdr', { attempts: '3' }, () => {}], /attempts '3': give a whole number/],
  ['a timeout that a timer cannot hold', ['Cdr', { timeoutMs: Infinity }, () => {}], /timeoutMs Infinity/],
  ['half a place', ['Cdr', { concurrency: 0.5 }, () => {}], /concurrency 0.5/],
  ['a jitter above 1', ['Cdr', { backoff: { jitter: 50 } }, () => {}], /backoff.jitter 50: give a number from 0 to 1/],
  ['a backoff that is a number', ['Cdr', { backoff: 5 }, () => {}], /option backoff .* not an object/],
  ['an unknown backoff option', ['Cdr', { backoff: { first: 1 } }, () => {}], /did you mean backoff.firstMs/],
  ['waits in the wrong order', ['Cdr', { backoff: { firstMs: 9, maxMs: 1 } }, () => {}], /firstMs 9 above/],
]

for (const [what, given, message] of refused) {
  test(`defineProcessor, given ${what}, says what is wrong`, () => {
    assert.throws(() => define(...given), { code: 'BRIDGE_PROCESSOR_LOAD', message })
  })
}

test('isProcessor, given anything else, is false', () => {
  for (const value of [undefined, null, 5, 'processor', {}, () => {}, { kind: 'processor' }]) {
    assert.equal(isProcessor(value), false)
  }
})
