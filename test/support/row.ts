/**
 * Rows of the fault matrix as tests. A row states facts, which hold on any machine, and figures, which are reached on a quiet
 * one: `npm test` runs it short and asserts the facts; `npm run test:faults` runs it long, asserts the figures too, and prints a line.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Fault } from '../faults/matrix.ts'

/** Whether rows run long: as long and as often as the matrix asks for. */
export const isLong = process.env['FAULTS'] === 'long'

export type Target = { readonly unit?: string } & (
  | { readonly atMost: number }
  | { readonly below: number }
  | { readonly atLeast: number }
)

export type Row = {
  /** The first in `npm test`, the second in `npm run test:faults`. */
  pick<T>(short: T, long: T): T
  /** What must be so always: lost, overtaken, refused. Asserted when the row ends. */
  fact(label: string, found: number | boolean, expected: number | boolean): void
  /** What is reached on a quiet machine: a time, a size, a rate. Asserted in the long run only. */
  figure(label: string, found: number, target: Target): void
}

type Judged = { readonly text: string; readonly holds: boolean; readonly isFact: boolean }

/** A test named after its row; `what` says what must happen. */
export function faultRow(
  fault: Fault | 'Soak',
  what: string,
  run: (t: TestContext, row: Row) => Promise<void>,
  { skip = false }: { skip?: boolean | string } = {},
): void {
  test(`${fault}: ${what}`, { skip }, async (t) => {
    const judged: Judged[] = []
    const row: Row = {
      pick: (short, long) => (isLong ? long : short),
      fact(label, found, expected) {
        judged.push({ text: `${label} ${found} (${expected})`, holds: found === expected, isFact: true })
      },
      figure(label, found, target) {
        judged.push({ text: `${label} ${shown(found, target)}`, holds: holdsFor(found, target), isFact: false })
      },
    }
    let isEnded = false
    try {
      await run(t, row)
      isEnded = true
    } finally {
      const wrong = judged.filter(({ holds, isFact }) => !holds && (isFact || isLong))
      const mark = isEnded && wrong.length === 0 ? '✔' : '✖'
      t.diagnostic(`${mark} ${fault}: ${what} | ${judged.map(({ text }) => text).join(' | ')}`)
      if (isEnded) assert.deepEqual(wrong, [])
    }
  })
}

/** The figure beside its target, as `212 ms (at most 500)`. */
function shown(found: number, target: Target): string {
  const [word, limit] =
    'atMost' in target
      ? ['at most', target.atMost]
      : 'below' in target
        ? ['below', target.below]
        : ['at least', target.atLeast]
  const value = Math.abs(found) >= 100 ? Math.round(found) : Number(found.toPrecision(3))
  return `${value}${target.unit === undefined ? '' : ` ${target.unit}`} (${word} ${limit})`
}

function holdsFor(found: number, target: Target): boolean {
  if ('atMost' in target) return found <= target.atMost
  if ('below' in target) return found < target.below
  return found >= target.atLeast
}
