/**
 * What `npm run test:faults` prints: a line a row with the figures reached beside their targets, each failure with its reason,
 * and at the end what of the matrix was not run.
 */
import type { TestEvent } from 'node:test/reporters'
import { faults } from '../faults/matrix.ts'

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const seen = new Set<string>()
  let passed = 0
  let failed = 0
  for await (const { type, data } of source) {
    if (type === 'test:diagnostic' && /^[✔✖] /.test(data.message)) {
      seen.add(data.message.slice(2))
      yield `${data.message}\n`
    }
    // Long work says how far it is.
    if (type === 'test:stdout' && data.message.startsWith('… ')) yield data.message
    const isRow =
      (type === 'test:pass' || type === 'test:fail') && data.details.type !== 'suite' && !data.name.endsWith('.test.ts')
    if (!isRow) continue
    if (type === 'test:pass') {
      passed += 1
      if (data.skip !== undefined) yield `- ${data.name} | NOT RUN${data.skip === true ? '' : `: ${data.skip}`}\n`
    } else {
      failed += 1
      const { cause } = data.details.error as { cause?: unknown }
      yield `✖ ${data.name}\n    ${text(cause ?? data.details.error).replaceAll('\n', '\n    ')}\n`
    }
  }
  const missing = faults.filter((fault) => ![...seen].some((line) => line.startsWith(`${fault}: `)))
  const rest = missing.length === 0 || missing.length > 10 ? '' : `; without a line: ${missing.join('; ')}`
  yield `\n${passed} passed, ${failed} failed; ${faults.length - missing.length} of ${faults.length} faults of the matrix${rest}\n`
}

function text(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
