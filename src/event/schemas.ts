/** One schema per event; types are inferred from here. */
import type { EventName } from './catalogue.ts'

// Placeholder until the schemas land: every event's data is an open record.
export type EventData<N extends EventName> = N extends EventName ? { readonly [field: string]: unknown } : never
