import { type HeaderReader, MAX_SECRET_LENGTH } from './credentials.js'

/**
 * Places in which clients show keys although nothing is read there. A request with a key in one of them is refused, so that its
 * client learns of the mistake and is not limited as an anonymous one.
 */

/** Headers that hold nothing but keys. */
const KEY_HEADERS: readonly string[] = [
  'x-goog-api-key',
  'api-key',
  'apikey',
  'x-apikey',
  'x-api-token',
  'x_api_key',
  'api_key',
  'ocp-apim-subscription-key',
]

/** Headers that may hold something else, or a key for the server behind. */
const OTHER_HEADERS: readonly string[] = ['x-auth-token', 'x-access-token', 'x-auth-key']

/** Parameters of the query that may hold a key, or something else. */
const PARAMETERS: ReadonlySet<string> = new Set([
  'key',
  'api_key',
  'api-key',
  'apikey',
  'x-api-key',
  'access_token',
  'auth_token',
  'token',
])

/** More than one in a query is a mistake already. */
const MAX_PARAMETERS = 8

/** A text that may be a key, and where it was. */
export interface PossibleKey {
  readonly place: string
  readonly text: string
}

/**
 * The header that holds nothing but keys, and is there although it is not read.
 *
 * @param read the names of headers that are read, in lower case
 */
export function misplacedKeyHeader(header: HeaderReader, read: readonly string[]): string | undefined {
  return KEY_HEADERS.find((name) => !read.includes(name) && header(name) !== undefined)
}

/**
 * Texts that may be keys: where one is known as a key, or has the form of those that are given out, it was meant to be one.
 *
 * @param query the query of the request, with or without its `?`
 */
export function possibleKeys(header: HeaderReader, query: string): PossibleKey[] {
  const keys: PossibleKey[] = []
  for (const text of authorizationTexts(header('authorization')?.trim() ?? ''))
    keys.push({ place: 'Authorization', text })
  for (const name of OTHER_HEADERS) {
    const text = header(name)?.trim()
    if (text !== undefined) keys.push({ place: name, text })
  }
  if (query.length > 1) keys.push(...parametersOf(query))
  return keys.filter(({ text }) => text.length >= MIN_LENGTH && text.length <= MAX_SECRET_LENGTH)
}

/** Shorter ones are not looked up: they are words and numbers. */
const MIN_LENGTH = 8

/** What stands behind another scheme than `Bearer`, or without one; of `Basic` the password and the user name. */
function authorizationTexts(authorization: string): string[] {
  const [, scheme = '', rest = ''] = /^([^\s:=]+)[\s:=]+(.*)$/s.exec(authorization) ?? []
  if (scheme.toLowerCase() !== 'basic') return rest === '' ? [authorization] : [rest.trim()]
  const decoded = Buffer.from(rest.trim(), 'base64').toString('utf8')
  const colonAt = decoded.indexOf(':')
  return colonAt === -1 ? [decoded] : [decoded.slice(colonAt + 1), decoded.slice(0, colonAt)]
}

function parametersOf(query: string): PossibleKey[] {
  const keys: PossibleKey[] = []
  for (const [name, text] of new URLSearchParams(query)) {
    if (!PARAMETERS.has(name.toLowerCase())) continue
    keys.push({ place: `the query parameter '${name}'`, text: text.trim() })
    if (keys.length === MAX_PARAMETERS) break
  }
  return keys
}
