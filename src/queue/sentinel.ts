/**
 * How a connection finds its master by sentinels, with one thing mended: what watched the last connection for a failover must not
 * end the next one while it is being made. ioredis 6.0 then counts it as closed on purpose and never tries again: a worker
 * stood still for good after a master had died (tried, test/faults/failover.test.ts).
 */
import { type SentinelConnectionOptions, SentinelConnector } from 'ioredis'

/** What the connector of ioredis keeps to itself. */
type Watched = { failoverDetector: { cleanup(): void } | null }

export class SteadySentinelConnector extends SentinelConnector {
  // As ioredis wants it of a connector that is handed in.
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions)
  }

  override connect(...args: Parameters<SentinelConnector['connect']>): ReturnType<SentinelConnector['connect']> {
    const watched = this as unknown as Watched
    watched.failoverDetector?.cleanup()
    watched.failoverDetector = null
    return super.connect(...args)
  }
}
