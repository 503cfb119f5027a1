/**
 * The webhook that every side of every case is sent: the record of a call (Cdr) as Simotel's Python writes JSON. Always the same
 * length; call and turn make it one of its own. Pure: the load generator and the producers share it.
 */

/** Name and password that every server of the bench asks for. */
export const account = { username: 'bench', password: 'a-password-of-the-bench' }

/** Events of one call, where a case does not say otherwise. */
export const eventsPerCall = 8

/** Calls from this number on are refused by the processors that refuse. */
export const firstRefusedCall = 9_000_000

/** The call id of the call with this number, below ten million. */
export function callIdOf(call: number): string {
  return `1764120000.${digits(call, 7)}`
}

/** The body of one event of a call, 360 bytes of ASCII or a few more. `turn` is its place in the call, below 100,000. */
export function bodyOf(call: number, turn: number): string {
  const callId = callIdOf(call)
  return (
    `{"event_name": "Cdr", "starttime": "2026-11-14 22:13:20.471398", "endtime": "2026-11-14 22:14:08.508368", ` +
    `"src": "0912${digits(call, 7)}", "dst": "${500 + (call % 50)}", "type": "incoming", "disposition": "ANSWERED", ` +
    `"duration": 48, "billsec": 37, "wait": 11, "record": "20261114_${callId}.mp3", "entry_point": "E1", ` +
    `"cuid": "${callId}", "unique_id": "1764120001.${digits(turn, 5)}"}`
  )
}

function digits(number: number, length: number): string {
  return String(number).padStart(length, '0')
}
