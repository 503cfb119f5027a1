/**
 * The addresses to enter in Simotel, as seen from the PBX's network. Pure: interfaces and the rest are handed in.
 */
import type { NetworkInterfaceInfo } from 'node:os'

export type Listening = {
  readonly host: string
  readonly port: number
  readonly webhookPath: string
  readonly sources: readonly string[]
  /** As `os.networkInterfaces()` gives them. */
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>
  /** In a container the interfaces are the container's, and nobody else can reach them. */
  readonly isContainer: boolean
}

/** One address per reachable interface and source, and a sentence for what they leave open. */
export function addressesToEnter(listening: Listening): { addresses: string[]; note: string } {
  const { hosts, note } = hostsToEnter(listening)
  const path = listening.webhookPath === '/' ? '/' : `${listening.webhookPath}/`
  const paths = listening.sources.length === 0 ? [path] : listening.sources.map((source) => `${path}${source}/`)
  return { addresses: hosts.flatMap((host) => paths.map((tail) => `http://${host}:${listening.port}${tail}`)), note }
}

function hostsToEnter({ host, interfaces, isContainer }: Listening): { hosts: string[]; note: string } {
  if (host !== '0.0.0.0' && host !== '::') {
    const note = /^(?:localhost|127\.|::1$)/.test(host)
      ? `It listens on ${host} only, which a PBX on another machine cannot reach: set INGRESS_HOST=0.0.0.0.`
      : ''
    return { hosts: [host.includes(':') ? `[${host}]` : host], note }
  }
  if (isContainer) {
    const note = 'In a container: put in the address of the machine that runs it, and the port it publishes.'
    return { hosts: ['HOST'], note }
  }
  const outside = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .filter((info) => info.family === 'IPv4' && !info.internal)
    .map((info) => info.address)
  if (outside.length === 0) {
    return { hosts: ['127.0.0.1'], note: 'This machine has no address in a network: only a PBX on it can reach it.' }
  }
  const note =
    outside.length === 1
      ? `It listens on every address of this machine (${host}).`
      : `It listens on every address of this machine (${host}): enter the one in the PBX's network.`
  return { hosts: outside, note }
}
