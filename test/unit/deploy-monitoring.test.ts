/** Rules and dashboard ask for nothing that is not exported. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricNames } from '../../src/metrics.ts'
import { read } from '../support/source.ts'

/** A histogram is exported as three. */
const exported = new Set(metricNames.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]))

const asked = (file: string) => [...new Set([...read(file).matchAll(/\bbridge_[a-z_]+/g)].map(([name]) => name))]

for (const file of [
  'deploy/prometheus/rules.yml',
  'deploy/prometheus/rules.test.yml',
  'deploy/grafana/dashboard.json',
  'deploy/kubernetes/keda.yaml',
]) {
  test(`${file}, in every metric it asks for, names one that is exported`, () => {
    assert.ok(asked(file).length > 1)
    assert.deepEqual(
      asked(file).filter((name) => !exported.has(name)),
      [],
    )
  })
}

test('the dashboard, over all panels, shows every metric of the bridge', () => {
  const shown = asked('deploy/grafana/dashboard.json').map((name) => name.replace(/_(bucket|sum|count)$/, ''))

  assert.deepEqual(
    metricNames.filter((name) => !shown.includes(name)),
    [],
  )
})
