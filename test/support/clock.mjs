/**
 * Shifts the clock of a process that `--import`s it: Date is ahead by the milliseconds that the file CLOCK_FILE holds, looked at
 * again 50 times a second. Timers and performance.now() are monotonic and stay as they are, as they do when a real clock steps.
 */
import { readFileSync } from 'node:fs'

const RealDate = Date
let shiftMs = 0

const look = () => {
  try {
    shiftMs = Number(readFileSync(process.env.CLOCK_FILE ?? '', 'utf8'))
  } catch {
    // No file, no shift.
  }
}

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + shiftMs)
    else super(...args)
  }

  static now() {
    return RealDate.now() + shiftMs
  }
}

look()
setInterval(look, 20).unref()
