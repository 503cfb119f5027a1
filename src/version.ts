/**
 * The version of the bridge, as package.json has it; from source and from dist.
 */
import { existsSync, readFileSync } from 'node:fs'

/** The version; `unknown` if package.json is not there. */
export function readVersion(): string {
  for (const up of ['..', '../..']) {
    const file = new URL(`${up}/package.json`, import.meta.url)
    if (!existsSync(file)) continue
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version?: string }
    return version ?? 'unknown'
  }
  return 'unknown'
}
