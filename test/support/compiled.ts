/**
 * Texts of documents compiled as if they were files of the project.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Which of these files (name to text) the compiler refuses, sorted, and all it printed. */
export async function refusedOf(
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<{ readonly refused: readonly string[]; readonly output: string }> {
  await mkdir(join(root, '.tmp'), { recursive: true })
  const dir = await mkdtemp(join(root, '.tmp/compiled-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
  const options = { extends: join(root, 'tsconfig.json'), compilerOptions: { rootDir: root }, include: ['*.ts'] }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify(options))

  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout: output } = spawnSync(process.execPath, [tsc, '--noEmit', '--pretty', 'false', '-p', dir], {
    encoding: 'utf8',
  })
  const refused = [...new Set([...output.matchAll(/([\w-]+\.ts)\(\d+,\d+\): error/g)].map(([, file = '']) => file))]
  if (status !== 0 && refused.length === 0) throw new Error(`the compiler failed: ${output}`)
  return { refused: refused.sort(), output }
}
