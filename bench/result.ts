/**
 * What is kept of a case: every figure of every round, and what the rows make of them. Pure.
 */
import type { Case, Row } from './case.ts'
import type { Sample } from './run.ts'
import { type Comparison, compare, medianOf, type Spread, spreadOf } from './statistics.ts'

export type RowResult = {
  readonly label: string
  readonly unit: string
  /** Name of the reference; undefined if the figure stands by itself. */
  readonly reference?: string
  readonly referenceFigure?: Spread
  readonly side: string
  readonly figure: Spread
  readonly comparison?: Comparison
  readonly target: Row['target']
  readonly isReached: boolean
}

export type CaseResult = {
  readonly name: string
  readonly about: string
  readonly at: string
  readonly rounds: number
  readonly rows: readonly RowResult[]
  /** Side -> figure -> spread over the rounds. */
  readonly sides: Readonly<Record<string, Readonly<Record<string, Spread>>>>
  /** Cores, in the median, that others used and that the host took meanwhile. */
  readonly otherCores: number
  readonly stolenCores: number
  readonly samples: readonly Sample[]
}

export function resultOf(theCase: Case, samples: readonly Sample[], at: Date): CaseResult {
  const values = (side: string, figure: string) =>
    samples.filter((sample) => sample.side === side).map(({ figures }) => figures[figure] ?? Number.NaN)
  const figuresOf = (side: string) => Object.keys(samples.find((sample) => sample.side === side)?.figures ?? {})
  const sides = theCase.sides.map((side) => {
    const spreads = figuresOf(side).map((figure) => [figure, spreadOf(values(side, figure))] as const)
    return [side, Object.fromEntries(spreads)] as const
  })
  return {
    name: theCase.name,
    about: theCase.about,
    at: at.toISOString(),
    rounds: Math.max(0, ...samples.map(({ round }) => round)),
    rows: theCase.rows.map((row) => rowOf(row, values)),
    sides: Object.fromEntries(sides),
    otherCores: medianOf(samples.map(({ otherCores }) => otherCores)),
    stolenCores: medianOf(samples.map(({ stolenCores }) => stolenCores)),
    samples,
  }
}

function rowOf(row: Row, values: (side: string, figure: string) => number[]): RowResult {
  const { label, unit, target, side = 'bridge', reference } = row
  const ours = values(side, row.figure)
  const figure = spreadOf(ours)
  if (reference === undefined) {
    return { label, unit, side, figure, target, isReached: reaches(figure.median, target) }
  }
  const theirs = values(reference, row.figure)
  const comparison = compare(ours, theirs)
  const isReached = reaches(comparison.ratio, target)
  return { label, unit, reference, referenceFigure: spreadOf(theirs), side, figure, comparison, target, isReached }
}

function reaches(value: number, target: Row['target']): boolean {
  return 'least' in target ? value >= target.least : value <= target.most
}
