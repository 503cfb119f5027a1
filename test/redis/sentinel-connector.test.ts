/** The connector that finds a master by sentinels: what watched the last connection cannot end the next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SteadySentinelConnector } from '../../src/queue/sentinel.ts'
import { freePort } from '../support/redis.ts'

test('a connector, when it connects anew, lets go of what watched for a failover before', async () => {
  const sentinels = [{ host: '127.0.0.1', port: await freePort() }]
  const connector = new SteadySentinelConnector({ sentinels, name: 'main', sentinelRetryStrategy: () => null })
  let isLetGo = false
  Object.assign(connector, { failoverDetector: { cleanup: () => (isLetGo = true) } })

  await assert.rejects(
    connector.connect(() => {}),
    /All sentinels are unreachable/,
  )

  assert.ok(isLetGo)
})
