/**
 * Runs a case: the sides in turn, round by round, so that a machine that gets slower gets slower for all of them.
 */
import type { Case, Figures } from './case.ts'
import type { Built } from './support/build.ts'
import { openMeasurement } from './support/measurement.ts'
import { openScope } from './support/scope.ts'
import { type OtherLoad, watchOthers } from './support/system.ts'

/** One side in one round. */
export type Sample = { readonly side: string; readonly round: number; readonly figures: Figures } & OtherLoad

export type RunOptions = {
  readonly file: Built
  readonly rounds: number
  readonly isQuick: boolean
  /** Told of each sample as it is there. */
  readonly onSample: (sample: Sample) => void
}

export async function runCase(theCase: Case, { file, rounds, isQuick, onSample }: RunOptions): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 1; round <= rounds; round += 1) {
    for (const side of theCase.sides) {
      const scope = openScope()
      const others = watchOthers()
      let figures: Figures
      try {
        figures = await theCase.measure(side, openMeasurement(scope, file, isQuick))
      } catch (error) {
        throw new Error(`${theCase.name}, ${side}, round ${round} was not measured`, { cause: error })
      } finally {
        await scope.end()
      }
      const sample: Sample = { side, round, figures, ...others() }
      samples.push(sample)
      onSample(sample)
    }
  }
  return samples
}
