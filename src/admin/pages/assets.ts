/**
 * The few files that the pages name: style sheet, script, icon. Texts of modules, so that they are there wherever the code is.
 */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { script } from './script.ts'
import { icon, styles } from './styles.ts'

const assets = {
  'pages.css': { type: 'text/css; charset=utf-8', text: styles },
  'pages.js': { type: 'text/javascript; charset=utf-8', text: script },
  'icon.svg': { type: 'image/svg+xml', text: icon },
} as const

/** Address of an asset. It changes with its content, so that a browser may keep it for ever. */
export function assetAddress(name: keyof typeof assets): string {
  return `/assets/${name}?v=${createHash('sha256').update(assets[name].text).digest('hex').slice(0, 12)}`
}

/** Serves them under /assets/. */
export function assetRoutes(app: FastifyInstance): void {
  for (const [name, { type, text }] of Object.entries(assets)) {
    app.get(`/assets/${name}`, { schema: { hide: true } }, (_, reply) =>
      reply.type(type).header('cache-control', 'private, max-age=31536000, immutable').send(text),
    )
  }
}
