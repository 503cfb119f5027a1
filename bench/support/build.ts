/**
 * What is measured is what ships: compiled once, into a folder of the bench's own, beside the references and the load generator.
 */
import { execFile } from 'node:child_process'
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Scope } from './scope.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Path of a compiled file, by its source: `src/main/ingress.ts`. */
export type Built = (source: string) => string

/** Compiles; the folder goes with the scope. */
export async function build(scope: Scope): Promise<Built> {
  const folder = scope.folder()
  // So that `#bridge` and the packages are found from there as from here.
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(root, 'bench/tsconfig.json'), '--outDir', join(folder, 'dist')]
  await promisify(execFile)(process.execPath, args).catch((error: { stdout?: string; message: string }) => {
    throw new Error(`What is to be measured does not compile: ${error.stdout || error.message}`)
  })
  return (source) => join(folder, 'dist', source.replace(/\.ts$/, '.js'))
}
