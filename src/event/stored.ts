/**
 * The stored form of an event: plain JSON with a version, readable from any language; what a job's data and a spool record
 * hold. What is as usual is left out, and of the body what `data` gives back (docs/events.md). Dates are ISO text. `decode` is
 * the inverse of `encode` once the lane has put the sequence in.
 */
import type { BodyForm } from './body-form.ts'
import { formOf } from './body-scan.ts'
import type { Event, NewEvent, RawWebhook } from './event.ts'
import { isoOf } from './iso.ts'
import { planOf } from './plan.ts'
import { readQuickly } from './stored-check.ts'
import { lacksOnlyBody, readBySchemas, unknownName } from './stored-schema.ts'
import { dated, storedVersion, usual, usualLane, versionOf } from './stored-whole.ts'

/** JSON text of an object, without `sequence`: the lane puts `"sequence":n,` in front. Begins with `{"v":2,`. */
export function encode(event: NewEvent): string {
  const { name, eventId, source, callId, lane, receivedAt, problems, raw, replayOf } = event
  const data = dated(event.data, planOf(name))
  // Written piece by piece: JSON would first need an object made of what is there.
  let text = `{"v":${storedVersion},"name":"${name}","eventId":${JSON.stringify(eventId)}`
  if (source !== usual.source) text += `,"source":${JSON.stringify(source)}`
  if (callId !== null) text += `,"callId":${JSON.stringify(callId)}`
  if (lane !== usualLane(source, callId)) text += `,"lane":${JSON.stringify(lane)}`
  text += `,"receivedAt":"${isoOf(receivedAt)}","data":${JSON.stringify(data)}`
  if (problems.length > 0) text += `,"problems":${JSON.stringify(problems)}`
  text += `,"raw":${rawText(raw, raw.bodyEncoding === 'utf8' ? formOf(raw.body, { name, callId, data }) : undefined)}`
  return replayOf === undefined ? `${text}}` : `${text},"replayOf":${replayOf}}`
}

function rawText(raw: RawWebhook, form: BodyForm | undefined): string {
  const { method, path, query, contentType, body, bodyEncoding } = raw
  let text = ''
  if (method !== usual.method) text += `,"method":${JSON.stringify(method)}`
  if (path !== usual.path) text += `,"path":${JSON.stringify(path)}`
  if (query !== usual.query) text += `,"query":${JSON.stringify(query)}`
  if (contentType !== usual.contentType) text += `,"contentType":${JSON.stringify(contentType)}`
  if (bodyEncoding !== usual.bodyEncoding) text += `,"bodyEncoding":"${bodyEncoding}"`
  if (form !== undefined) {
    text += `,"form":"${form.form}"`
    if (form.words.length > 0) text += `,"words":${JSON.stringify(form.words)}`
    if (form.zone !== 0) text += `,"zone":${form.zone}`
  } else if (body !== usual.body) text += `,"body":${JSON.stringify(body)}`
  return `{${text.slice(1)}}`
}

/**
 * The event of a job's data (the parsed JSON, `sequence` included). Fields of the envelope that this version does not know
 * are ignored. The object handed in may be used up.
 * @throws JobDecodeError if it is not a stored event that this version can read.
 */
export function decode(stored: unknown): Event {
  return readQuickly(stored) ?? readBySchemas(stored)
}

/**
 * Whether a newer version of the bridge stored this: in a form, under an event's name, or with a body written in a way that
 * this one does not know.
 */
export function isNewer(stored: unknown): boolean {
  return versionOf(stored) > storedVersion || unknownName(stored) !== undefined || lacksOnlyBody(stored)
}
