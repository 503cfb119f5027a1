/**
 * What `up` prints once it runs: what to enter in Simotel, where things are, and a line to try it.
 */
import type { NetworkInterfaceInfo } from 'node:os'
import { isLoopback } from '../../src/admin/loopback.ts'
import type { Config } from '../../src/config.ts'
import { addressesToEnter } from '../../src/ingress/addresses.ts'

export type BannerOptions = {
  readonly ingress: Config['ingress']
  readonly port: number
  readonly admin: Config['admin']
  readonly adminPort: number
  readonly processorsDir: string
  /** One phrase: which Redis, and where its data is. */
  readonly redis: string
  readonly isReloading: boolean
  /** In a container the interfaces are the container's own. */
  readonly isContainer: boolean
  /** As `os.networkInterfaces()` gives them. */
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>
}

/** Bridges and tunnels of this machine's own, which no PBX can reach. */
const ownNetworks = /^(docker|br-|veth|virbr|vmnet|vboxnet|cni|flannel|utun|lo)/

/** The address of the ingress as this machine reaches it. */
export function localUrl(ingress: Config['ingress'], port: number): URL {
  const path = ingress.webhookPath === '/' ? '/' : `${ingress.webhookPath}/`
  return new URL(path, originOf(ingress.host, port))
}

/** The address of the ops page as this machine reaches it. */
export function adminUrl({ host }: Config['admin'], port: number): URL {
  return new URL('/', originOf(host, port))
}

function originOf(host: string, port: number): string {
  const everywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }
  return `http://${everywhere[host] ?? (host.includes(':') ? `[${host}]` : host)}:${port}`
}

/** The lines, with an empty one before and after. */
export function bannerOf({
  ingress,
  port,
  admin,
  adminPort,
  processorsDir,
  redis,
  isReloading,
  isContainer,
  interfaces,
}: BannerOptions): string {
  const { host, webhookPath, sources } = ingress
  const reachable = Object.fromEntries(Object.entries(interfaces).filter(([name]) => !ownNetworks.test(name)))
  const enter = addressesToEnter({ host, port, webhookPath, sources, interfaces: reachable, isContainer })
  const local = localUrl(ingress, port).href
  const login = ingress.credentials === undefined ? '' : ` --user ${ingress.credentials.username} --pass PASSWORD`
  const rows: [string, string][] = [
    ...enter.addresses.map((address, at): [string, string] => [at === 0 ? 'Enter in Simotel' : '', address]),
    ['', enter.note],
    ['On this machine', local],
    ['Ops page', `${adminUrl(admin, adminPort).href}${loginNote(admin)}`],
    ['Processors', `${processorsDir}${isReloading ? ' (a saved change is taken over at once)' : ''}`],
    ['Redis', redis],
    ['Try it', `npm run simulate -- --url ${local} --calls 3${login}`],
  ]
  const lines = rows.filter(([, text]) => text !== '').map(([name, text]) => `  ${name.padEnd(18)}${text}`)
  return ['', 'The bridge is up. Ctrl-C drains and stops all of it.', ...lines, ''].join('\n')
}

/** Who is asked for a password there, and which; the admin's own log has the one that it made. */
function loginNote({ host, username, password }: Config['admin']): string {
  if (password !== undefined) return ` (user ${username}, password as ADMIN_PASSWORD says)`
  return isLoopback(host) ? '' : ` (user ${username}; the password was made at the first start, and shown in its log)`
}
