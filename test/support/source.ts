/**
 * Reading source files as text: for the tests that keep the house in order.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

/** Paths from the root of the project, with slashes, of the files below `folder` whose name matches; none if it is missing. */
export function filesUnder(folder: string, name: RegExp): string[] {
  const url = new URL(`${folder}/`, root)
  if (!existsSync(url)) return []
  return readdirSync(url, { recursive: true, encoding: 'utf8' })
    .filter((path) => name.test(path))
    .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
    .sort()
}

/** A file's text, by its path from the root of the project. */
export function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8')
}

/** Whether the path, from the root of the project, is there. */
export function exists(path: string): boolean {
  return existsSync(new URL(path, root))
}

/**
 * The text with the inside of comments blanked, so that lines keep their numbers and strings stay as they are.
 * Good enough for files that Biome has formatted; it knows no nested templates.
 */
export function blankComments(source: string): string {
  const token = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return source.replace(token, (found) => (/^\/[/*]/.test(found) ? found.replace(/[^\n]/g, ' ') : found))
}
