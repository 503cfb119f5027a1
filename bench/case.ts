/**
 * What a case is: sides that are measured in turn, and the rows of the table that are read from them. Types only.
 */
import type { Measurement } from './support/measurement.ts'

/** By name: `perSecond`, `ackP99Ms`. */
export type Figures = Readonly<Record<string, number>>

/** A line of the table: a figure of a side, beside the same figure of the reference or by itself. */
export type Row = {
  readonly label: string
  readonly figure: string
  /** The side that is judged; the bridge by default. */
  readonly side?: string
  /** Without, the figure itself is held against the target. */
  readonly reference?: string
  /** `least`: to be at least that; `most`: at most. */
  readonly target: { readonly least: number } | { readonly most: number }
  readonly unit: string
}

export type Case = {
  readonly name: string
  /** One line: what is measured. */
  readonly about: string
  /** Measured in this order, round by round. */
  readonly sides: readonly string[]
  readonly rows: readonly Row[]
  /** One side in one round. Throws if it cannot be measured. */
  measure(side: string, measurement: Measurement): Promise<Figures>
}
