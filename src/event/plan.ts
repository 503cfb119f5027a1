/**
 * Field tables made from the schemas once, on first use: which field a name on the wire means, and how it is read.
 */
import { type EventName, foldName } from './catalogue.ts'
import { type FieldFacts, factsOf, type Shape } from './fields.ts'
import { schemas } from './schemas.ts'

export type PlannedField = FieldFacts & {
  /** Its name in `data`. */
  readonly name: string
  readonly wire: readonly string[]
  /** Of `group` and `list`: the plan of the fields inside. */
  readonly inner?: Plan
}

/** A spelling of a field; where two spellings come at once the lower rank is taken. */
export type Spelling = { readonly field: PlannedField; readonly rank: number }

export type Plan = {
  readonly fields: readonly PlannedField[]
  /** The field that `wireName` means, in any spelling; undefined if the schema does not know it. */
  readonly find: (wireName: string) => Spelling | undefined
  /** Whether dates are in it, or deeper. */
  readonly hasDates: boolean
}

const plans = new Map<EventName, Plan>()

/** The plan of an event; that of Unknown knows no field. */
export function planOf(name: EventName): Plan {
  const known = plans.get(name)
  if (known !== undefined) return known
  const plan = compile(name === 'Unknown' ? {} : schemas[name].shape)
  plans.set(name, plan)
  return plan
}

function compile(shape: Shape): Plan {
  const exact = new Map<string, Spelling>()
  const folded = new Map<string, Spelling>()
  const fields = Object.entries(shape).map(([name, schema]): PlannedField => {
    const facts = factsOf(schema)
    const wire = facts.wire ?? [snakeCase(name)]
    return { ...facts, name, wire, ...(facts.shape === undefined ? {} : { inner: compile(facts.shape) }) }
  })
  for (const field of fields) {
    // The field's own name counts as a spelling: otherwise an unknown wire field could take its place in `data`.
    for (const [rank, spelling] of [...field.wire, field.name].entries()) {
      const entry = { field, rank }
      if (!exact.has(spelling)) exact.set(spelling, entry)
      if (!folded.has(foldName(spelling))) folded.set(foldName(spelling), entry)
    }
  }
  return {
    fields,
    find: (wireName) => exact.get(wireName) ?? folded.get(foldName(wireName)),
    hasDates: fields.some((field) => field.kind === 'date' || field.inner?.hasDates === true),
  }
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
