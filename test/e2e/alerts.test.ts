/** deploy/prometheus, read by Prometheus' own tool: the rules are right, and each cause makes its alert fire. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { testProgram } from '../../scripts/bootstrap/test-programs.ts'

const promtool = await testProgram('promtool', process.env, console.log)
/** With CI set, what cannot be run is an error: the tests run, and fail at their start. */
const skip = promtool.path === undefined && !process.env['CI'] ? `NOT RUN: ${promtool.why}` : false

for (const [what, ...args] of [
  ['the rules, as they stand, are right', 'check', 'rules', 'deploy/prometheus/rules.yml'],
  [
    'the rules, with each cause provoked, fire the alert of that cause',
    'test',
    'rules',
    'deploy/prometheus/rules.test.yml',
  ],
  [
    'the settings of Prometheus, as they stand, are right',
    'check',
    'config',
    '--syntax-only',
    'deploy/prometheus/prometheus.yml',
  ],
] as const) {
  test(what, { skip }, () => {
    assert.ok(promtool.path !== undefined, promtool.path === undefined ? promtool.why : '')

    const run = spawnSync(promtool.path, args, { encoding: 'utf8' })

    assert.equal(run.status, 0, `${run.stdout}${run.stderr}`)
  })
}
