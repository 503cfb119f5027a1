/**
 * What is made of the figures of several rounds. Pure.
 */

export type Spread = { readonly median: number; readonly min: number; readonly max: number }

/** The middle one, or the mean of the two in the middle; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The value that this share of them does not exceed: 0.99 for p99, 1 for the largest; NaN of none. */
export function shareOf(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values) }
}

export type Comparison = {
  /** Ratio of the medians. */
  readonly ratio: number
  /** The ratio in each round: both were measured within the same minute, so a machine that drifts drifts for both. */
  readonly perRound: readonly number[]
}

/** How `values` stand to those of a reference that was measured in the same rounds. */
export function compare(values: readonly number[], reference: readonly number[]): Comparison {
  return {
    ratio: medianOf(values) / medianOf(reference),
    perRound: values.map((value, round) => value / (reference[round] ?? Number.NaN)),
  }
}
