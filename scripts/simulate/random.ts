/**
 * Seeded randomness: the same seed gives the same run, everywhere. Pure; knows nothing of calls.
 */

/** The next number, from 0 up to but not including 1. */
export type Random = () => number

/** Mulberry32 (Tommy Ettinger, public domain): small, quick and good enough to mix calls. `seed` is taken modulo 2^32. */
export function mulberry32(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A stream of its own for each purpose of each call, so that one option more does not change what the others draw. */
export function randomFor(seed: number, call: number, purpose: string): Random {
  let hash = 0x811c9dc5 // FNV-1a over a text that names the stream
  for (const character of `${seed}/${call}/${purpose}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0
  }
  return mulberry32(hash)
}

/** True with `probability` (0 never, 1 always). Draws once, whatever the probability. */
export function chance(random: Random, probability: number): boolean {
  return random() < probability
}

/** A whole number from 0 up to but not including `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit)
}

/** One of `choices`. @throws RangeError if there is none. */
export function pick<T>(random: Random, choices: readonly T[]): T {
  const index = below(random, choices.length)
  const choice = choices[index]
  if (choice === undefined) throw new RangeError('pick: nothing to pick from')
  return choice
}
