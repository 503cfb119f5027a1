/**
 * What `up` prints once it runs: what to enter in Simotel, where things are, and a line to try it.
 */
import type { NetworkInterfaceInfo } from 'node:os'
import type { Config } from '../../src/config.ts'
import { addressesToEnter } from '../../src/ingress/addresses.ts'

export type BannerOptions = {
  readonly ingress: Config['ingress']
  readonly port: number
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
  const everywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }
  const host = everywhere[ingress.host] ?? (ingress.host.includes(':') ? `[${ingress.host}]` : ingress.host)
  const path = ingress.webhookPath === '/' ? '/' : `${ingress.webhookPath}/`
  return new URL(path, `http://${host}:${port}`)
}

/** The lines, with an empty one before and after. */
export function bannerOf({
  ingress,
  port,
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
    ['Processors', `${processorsDir}${isReloading ? ' (a saved change is taken over at once)' : ''}`],
    ['Redis', redis],
    // The admin's address stands here once it has joined.
    ['Try it', `npm run simulate -- --url ${local} --calls 3${login}`],
  ]
  const lines = rows.filter(([, text]) => text !== '').map(([name, text]) => `  ${name.padEnd(18)}${text}`)
  return ['', 'The bridge is up. Ctrl-C drains and stops all of it.', ...lines, ''].join('\n')
}
