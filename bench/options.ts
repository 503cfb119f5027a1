/**
 * The command line of the bench: arguments -> what to do, or sentences that say what is wrong, all at once. Pure.
 */

export type CommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | { readonly kind: 'last'; readonly isMarkdown: boolean }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] }
  | { readonly kind: 'profile'; readonly target: ProfileTarget; readonly isQuick: boolean }
  | {
      readonly kind: 'run'
      /** Names of cases, in the order of the suite. */
      readonly names: readonly string[]
      readonly rounds: number
      readonly isQuick: boolean
      readonly isMarkdown: boolean
    }

export const profileTargets = ['ingress', 'worker'] as const
export type ProfileTarget = (typeof profileTargets)[number]

/** Rounds of every side; one in a quick run. */
const defaultRounds = 5

/** Reads the arguments. `known` are the names of all cases; `aliases` other names for some. */
export function readCommandLine(
  args: readonly string[],
  known: readonly string[],
  aliases: Readonly<Record<string, string>>,
): CommandLine {
  if (args.includes('--help') || args.includes('-h')) return { kind: 'help' }
  if (args.includes('--list')) return { kind: 'list' }
  if (args.includes('--last')) return { kind: 'last', isMarkdown: args.includes('--markdown') }
  const problems: string[] = []
  const words: string[] = []
  let rounds: number | undefined
  let isQuick = false
  let isMarkdown = false
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? ''
    if (arg === '--quick') isQuick = true
    else if (arg === '--markdown') isMarkdown = true
    else if (arg === '--rounds') {
      index += 1
      const text = args[index] ?? ''
      rounds = Number(text)
      if (!/^\d{1,3}$/.test(text) || rounds < 1) problems.push('--rounds wants a whole number from 1 to 999.')
    } else if (arg.startsWith('-')) problems.push(`${arg} is no option: --help tells which there are.`)
    else words.push(arg)
  }

  if (words[0] === 'profile') {
    const target = profileTargets.find((name) => name === words[1])
    if (target === undefined || words.length > 2) {
      problems.push(`profile wants one of ${profileTargets.join(', ')}.`)
      return { kind: 'wrong', problems }
    }
    return problems.length > 0 ? { kind: 'wrong', problems } : { kind: 'profile', target, isQuick }
  }

  const wanted = new Set(words.map((word) => aliases[word] ?? word))
  for (const name of wanted) {
    if (!known.includes(name)) problems.push(`${name} is no case: --list tells which there are.`)
  }
  if (problems.length > 0) return { kind: 'wrong', problems }
  const names = wanted.size === 0 ? known : known.filter((name) => wanted.has(name))
  return { kind: 'run', names, rounds: rounds ?? (isQuick ? 1 : defaultRounds), isQuick, isMarkdown }
}
