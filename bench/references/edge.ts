/**
 * What all references have in front: a bare Fastify with HTTP Basic, and zod for the body. What is done with the event is
 * handed in. Tells its port by one line, `{"listening":true}`.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { fastify } from 'fastify'
import { z } from 'zod'

const webhook = z.object({
  event_name: z.string(),
  starttime: z.string(),
  endtime: z.string(),
  src: z.string(),
  dst: z.string(),
  type: z.string(),
  disposition: z.string(),
  duration: z.number(),
  billsec: z.number(),
  wait: z.number(),
  record: z.string(),
  entry_point: z.string(),
  cuid: z.string(),
  unique_id: z.string(),
})

export type Webhook = z.infer<typeof webhook>

/** Listens on the port that the environment names and answers 200 once `take` has resolved. */
export async function startEdge(take: (event: Webhook) => Promise<unknown> | undefined): Promise<void> {
  const { PORT, SIMOTEL_USERNAME, SIMOTEL_PASSWORD } = process.env
  const expected = hash('sha256', `${SIMOTEL_USERNAME}:${SIMOTEL_PASSWORD}`, 'buffer')
  const isRight = (authorization: string | undefined) => {
    const given = Buffer.from(/^basic (\S+)$/i.exec(authorization ?? '')?.[1] ?? '', 'base64')
    return timingSafeEqual(hash('sha256', given, 'buffer'), expected)
  }

  const app = fastify()
  app.addHook('onRequest', (request, reply, done) => {
    if (isRight(request.headers.authorization)) done()
    else reply.code(401).send({ ok: false })
  })
  app.post('/simotel/', async (request, reply) => {
    const event = webhook.safeParse(request.body)
    if (!event.success) return reply.code(400).send({ ok: false })
    await take(event.data)
    return { ok: true }
  })
  await app.listen({ host: '127.0.0.1', port: Number(PORT) })
  process.stdout.write('{"listening":true}\n')
  process.once('SIGTERM', () => process.exit(0))
}
