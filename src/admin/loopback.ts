/**
 * Loopback: addresses and names under which a machine reaches itself, and nobody else reaches it.
 */

/** Whether only this machine can reach what listens on `host`, or means itself by that name. Pure. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host)
}
