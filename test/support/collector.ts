/**
 * A collector of traces for tests: a small HTTP server that keeps the OTLP/JSON it is sent.
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { TestContext } from 'node:test'

export type CollectedSpan = {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code: number }
  /** Attributes by name; whole numbers are text in OTLP/JSON. */
  readonly values: Readonly<Record<string, string | boolean>>
  /** `service.name` of who sent it. */
  readonly service: string
}

export type Collector = {
  readonly url: string
  readonly posts: readonly { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[]
  spans(): CollectedSpan[]
  /** Answers so from now on; undefined is never. 200 at first. */
  answer(status: number | undefined): void
  /** Forgets all posts. */
  forget(): void
}

type Attribute = { readonly key: string; readonly value: Readonly<Record<string, string | boolean>> }
type Sent = {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly {
      readonly spans: readonly (CollectedSpan & { attributes: readonly Attribute[] })[]
    }[]
  }[]
}

/** Listens on a free port of 127.0.0.1; closed when the test ends. */
export async function startCollector(t: TestContext): Promise<Collector> {
  const posts: { path: string; headers: IncomingHttpHeaders; body: string }[] = []
  let status: number | undefined = 200
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const part of request.setEncoding('utf8')) body += part
    posts.push({ path: request.url ?? '', headers: request.headers, body })
    if (status !== undefined) response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    posts,
    spans: () => posts.flatMap(({ body }) => spansOf(JSON.parse(body) as Sent)),
    answer(next) {
      status = next
    },
    forget() {
      posts.length = 0
    },
  }
}

function spansOf({ resourceSpans }: Sent): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ attributes, ...span }) => ({
        ...span,
        values: valuesOf(attributes),
        service: String(valuesOf(resource.attributes)['service.name']),
      })),
    ),
  )
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string | boolean> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0] ?? '']))
}
