/**
 * Takes credentials out of an address: query keys and path segments that look like a key, token, secret or password
 * (EVENTS.md section 3: secrets in the address are common). Pure; total on any text. Rather takes out a word too many
 * from in front of the event's name than stores a secret: nothing there has a meaning of its own.
 */
import { canonicalName } from '../event/catalogue.ts'
import { remembered } from '../event/remembered.ts'

const secretWords = new Set(
  'token secret password passwd passphrase pass pwd auth authorization credential credentials signature sig bearer jwt'.split(
    ' ',
  ),
)
const secretEnding = /(?:token|secret|passwd|password|apikey|accesskey|secretkey|authkey)$/

/** The query string without the pairs whose key names a secret; the rest stays byte for byte. */
export function redactQuery(query: string): string {
  if (query === '') return ''
  // Nearly every address: no second `?`, no secret. The pattern below is dear.
  if (!query.includes('?') && !query.split('&').some(hasSecretKey)) return query
  // An address that has a query already may be joined to the parameters by a second `?` (U): a pair begins there too,
  // or the event would go with the secret.
  const pairs = query.split(/(?<=&)|(?<=\?)(?=[\w%.[\]-]+=)/)
  const kept = pairs.filter((pair) => !hasSecretKey(pair))
  return kept.length === pairs.length ? query : kept.join('').replace(/[&?]$/, '')
}

/**
 * The path without its secret segments; `/` if nothing is left. A last segment that is an event's name always stays;
 * one that is no known name goes only if it looks like a token, because a new event's name may stand there.
 */
export function redactPath(path: string): string {
  if (path === '/') return path
  const segments = path.split('/')
  const last = segments.findLastIndex((segment) => segment !== '')
  let isValueNext = false
  const kept = segments.filter((segment, at) => {
    if (segment === '') return true
    const text = decoded(segment)
    if (at === last && canonicalName(text) !== undefined) return true
    const isValue = isValueNext
    const key = /^[^=:]*/.exec(text)?.[0] ?? ''
    // `/token/abc/NewState`: the word goes, and what it names.
    isValueNext = namesSecret(text)
    if (isValue || (key !== text && namesSecret(key))) return false
    return !(looksLikeToken(text, at === last ? 12 : 8) || (at < last && isValueNext))
  })
  return kept.every((segment) => segment === '') ? '/' : kept.join('/')
}

function hasSecretKey(pair: string): boolean {
  const end = pair.search(/[=&?]/)
  return namesSecret(end === -1 ? pair : pair.slice(0, end))
}

/** `api_key`, `apikey`, `X-Auth-Token`, `userPassword`; not `monkey`. */
const namesSecret = remembered((key: string): boolean => {
  const words = decoded(key.slice(0, 256))
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
  const lastWord = words.at(-1)
  if (lastWord === 'key' || lastWord === 'keys') return true
  return words.some((word) => secretWords.has(word) || secretEnding.test(word))
})

/** Words, in any case, with a short number behind them (`new_state`, `VoiceMailEmail`, `pbx-2`), do not; the rest does from `minLength` on. */
function looksLikeToken(text: string, minLength: number): boolean {
  if (text.length < minLength) return false
  if (text.length > 256) return true
  const pieces = text.match(/[A-Z]?[a-z]+|[A-Z]+|\d+|[^A-Za-z\d]+/g) ?? []
  return pieces.some((piece, at) => {
    if (/^\d/.test(piece)) return piece.length > 4 || at < pieces.length - 1
    if (/^[A-Za-z]/.test(piece)) return piece.length < 2 || piece.length > 20
    return false
  })
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
