/**
 * The compose file names every setting of the schema where it is read, so that none set in .env is silently without effect.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { settings } from '../../src/settings.ts'

const compose = readFileSync('docker-compose.yml', 'utf8')
const names = [...compose.matchAll(/^ {2,6}([A-Z][A-Z_]+):/gm)].map((found) => found[1] ?? '')

/** Without a meaning inside the containers; the reason beside each. */
const elsewhere: Record<string, string> = {
  REDIS_TLS_CA: 'another Redis comes with an override file',
  REDIS_SENTINELS: 'another Redis comes with an override file',
  REDIS_SENTINEL_NAME: 'another Redis comes with an override file',
  REDIS_CLUSTER_NODES: 'another Redis comes with an override file',
  REDIS_WAIT_REPLICAS: 'the one of the compose file has none',
}

test('compose, of the settings, passes on every one that a process reads', () => {
  const missing = Object.keys(settings).filter((name) => !names.includes(name) && !(name in elsewhere))

  assert.deepEqual(missing, [])
})

test('compose, of the names it passes on, has none that is no setting', () => {
  const known = new Set([...Object.keys(settings), 'NODE_IMAGE', 'NPM_CONFIG_REGISTRY'])

  assert.deepEqual(
    // Those of Grafana begin with GF_.
    names.filter((name) => !known.has(name) && !name.startsWith('GF_')),
    [],
  )
})
