/**
 * The kinds of field an event can have: a zod type for what a processor sees, and beside it (`factsOf`) how the
 * field looks on the wire and what it means. schemas.ts is written in these words; reader and docs are made from them.
 */
import { z } from 'zod'
import { foldName } from './catalogue.ts'

export type FieldKind = 'text' | 'number' | 'date' | 'boolean' | 'one-of' | 'group' | 'list' | 'anything'

/** D documented, S seen in a public integration, I inferred from samples, U unknown. */
export type Mark = 'D' | 'S' | 'I' | 'U'

export type FieldFacts = {
  readonly kind: FieldKind
  /** What it is, for the docs. */
  readonly meaning: string
  /** Names on the wire, the most trusted first; without it the snake_case of the field's name. */
  readonly wire?: readonly string[]
  readonly unit?: string
  /** Default D. */
  readonly mark?: Mark
  /** Holds a phone number or an extension: the search finds the event by it. */
  readonly isParty?: boolean
  /** Of `one-of`: folded spelling -> value. */
  readonly values?: ReadonlyMap<string, string>
  /** Of `group` and `list`: the fields inside. */
  readonly shape?: Shape
}

export type Shape = { readonly [field: string]: z.ZodType }

const factsBySchema = new WeakMap<object, FieldFacts>()

/**
 * The facts of a field made by the functions below.
 * @throws TypeError for any other schema: a field written without facts could neither be read nor documented.
 */
export function factsOf(schema: z.ZodType): FieldFacts {
  const facts = factsBySchema.get(schema)
  if (facts === undefined) throw new TypeError('a field of schemas.ts is not made by fields.ts')
  return facts
}

type Facts = Omit<FieldFacts, 'kind' | 'meaning' | 'values' | 'shape'>

const field = <T extends z.ZodType>(schema: T, facts: FieldFacts) => {
  const optional = z.optional(schema)
  factsBySchema.set(optional, facts)
  return optional
}

/** Names, numbers that are dialled, ids: always text, leading and trailing zeros kept. */
export const text = (meaning: string, facts: Facts = {}) => field(z.string(), { kind: 'text', meaning, ...facts })

/** A phone number or extension, as text. */
export const party = (meaning: string, facts: Facts = {}) => text(meaning, { isParty: true, ...facts })

/** A figure; on the wire a number or its text. */
export const number = (meaning: string, facts: Facts = {}) => field(z.number(), { kind: 'number', meaning, ...facts })

/** Whole or broken seconds. */
export const seconds = (meaning: string, facts: Facts = {}) => number(meaning, { unit: 'seconds', ...facts })

/** A moment; on the wire a date without zone, an ISO date or epoch seconds. */
export const date = (meaning: string, facts: Facts = {}) => field(z.date(), { kind: 'date', meaning, ...facts })

/** Yes or no; on the wire mostly words. */
export const boolean = (meaning: string, facts: Facts = {}) =>
  field(z.boolean(), { kind: 'boolean', meaning, ...facts })

/** A closed set: kebab-case value -> further spellings of it. What is not listed becomes `other`. */
export const oneOf = <const V extends Readonly<Record<string, readonly string[]>>>(
  values: V,
  meaning: string,
  facts: Facts = {},
) => {
  const names = Object.keys(values) as (keyof V & string)[]
  const spellings = names.flatMap((value) =>
    [value, ...(values[value] ?? [])].map((spelling) => [foldName(spelling), value] as const),
  )
  return field(z.enum([...names, 'other'] as ((keyof V & string) | 'other')[]), {
    kind: 'one-of',
    meaning,
    ...facts,
    values: new Map(spellings),
  })
}

/** Fields in a field. */
export const group = <S extends Shape>(shape: S, meaning: string, facts: Facts = {}) =>
  field(z.looseObject(shape) as unknown as z.ZodObject<S>, { kind: 'group', meaning, ...facts, shape })

/** Several of the same group. */
export const list = <S extends Shape>(shape: S, meaning: string, facts: Facts = {}) =>
  field(z.array(z.looseObject(shape) as unknown as z.ZodObject<S>), { kind: 'list', meaning, ...facts, shape })

/** A field whose form nobody has shown: kept as it came. */
export const anything = (meaning: string, facts: Facts = {}) =>
  field(z.unknown(), { kind: 'anything', meaning, ...facts })
