import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventOf, type LogLine, runProcessor } from '#bridge/testing'
import any from './any.ts'

test('any processor, given an event of any name, logs one line and is completed', async () => {
  const logLines: LogLine[] = []

  const outcome = await runProcessor(any, eventOf('Unknown'), { logLines })

  assert.deepEqual(outcome, { status: 'completed' })
  assert.deepEqual(
    logLines.map(({ msg, event }) => [msg, event]),
    [['event seen', 'Unknown']],
  )
})
