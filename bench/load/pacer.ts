/**
 * A thread that wakes the load generator at even times: timers of Node are good to a millisecond only, which would be most of
 * what an ack takes.
 */
import { parentPort, workerData } from 'node:worker_threads'

const { everyMs } = workerData as { everyMs: number }
const nobody = new Int32Array(new SharedArrayBuffer(4))
let due = performance.now()
for (;;) {
  due += everyMs
  const waitMs = due - performance.now()
  if (waitMs > 0) Atomics.wait(nobody, 0, 0, waitMs)
  parentPort?.postMessage(0)
}
