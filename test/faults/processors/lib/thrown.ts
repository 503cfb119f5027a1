/**
 * What a processor may throw, by name. Made anew at each throw.
 */
const never = (): never => {
  throw new Error('a getter that throws')
}

class Hostile extends Error {
  override get message(): string {
    return never()
  }
  override get stack(): string {
    return never()
  }
  get code(): string {
    return never()
  }
}

export const thrown: Readonly<Record<string, () => unknown>> = {
  error: () => new Error('the receiver is down'),
  null: () => null,
  undefined: () => undefined,
  text: () => 'a text',
  'empty-text': () => '',
  number: () => Number.NaN,
  bigint: () => 10n,
  symbol: () => Symbol('a symbol'),
  function: () => never,
  'bare-object': () => Object.create(null),
  'throwing-getters': () =>
    Object.defineProperties(
      {},
      Object.fromEntries(
        ['message', 'stack', 'code', 'name', 'cause', 'errors', 'toJSON'].map((key) => [
          key,
          { get: never, enumerable: true },
        ]),
      ),
    ),
  'hostile-error': () => new Hostile(),
  proxy: () =>
    new Proxy(
      {},
      { get: never, has: never, ownKeys: never, getPrototypeOf: never, getOwnPropertyDescriptor: never, set: never },
    ),
  'revoked-proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  circular: () => {
    const error = new Error('goes round')
    error.cause = error
    return error
  },
  frozen: () => Object.freeze(new Error('frozen')),
  huge: () => new Error('x'.repeat(5_000_000)),
  aggregate: () => new AggregateError([new Error('one'), null, Symbol('three')]),
  promise: () => Promise.resolve('a promise'),
  'delayed-error': () => Object.assign(new Error('looks like one of BullMQ'), { name: 'DelayedError' }),
  'wrong-delay': () => Object.assign(new Error('later, but when'), { code: 'BRIDGE_RETRY_LATER', delayMs: -1 }),
}
