/**
 * What processors import as `#bridge`. Nothing else of src is theirs: it may change, this may not without a CHANGELOG entry.
 */
export { PermanentError, RetryLaterError } from './errors.ts'
export type { EventName } from './event/catalogue.ts'
export type { Event, Problem, RawWebhook } from './event/event.ts'
export type { EventData } from './event/schemas.ts'
export type { Log } from './log.ts'
export {
  type Backoff,
  type Context,
  defineProcessor,
  type Process,
  type Processor,
  type ProcessorName,
  type ProcessorOptions,
  type Skipped,
} from './runner/define.ts'
