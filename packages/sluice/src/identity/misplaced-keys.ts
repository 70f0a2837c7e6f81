import { type HeaderReader, MAX_SECRET_LENGTH } from './credentials.js'

/**
 * Places where clients often send keys by mistake. A request with a key in such a place is refused,
 * so that the client notices the mistake instead of being limited as anonymous.
 */

/** Headers that only ever hold keys. */
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

/** Headers that may hold something else, or a key for the upstream. */
const OTHER_HEADERS: readonly string[] = ['x-auth-token', 'x-access-token', 'x-auth-key']

/** Query parameters that may hold a key or something else. */
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

/** Maximum number of query parameters to check. Even two keys in a query are a mistake. */
const MAX_PARAMETERS = 8

/** A string that may be a key, and its place. */
export interface PossibleKey {
  readonly place: string
  readonly value: string
}

/**
 * Returns the name of a key header that is present but not read.
 *
 * @param read the names of the headers that are read, in lower case
 */
export function misplacedKeyHeader(header: HeaderReader, read: readonly string[]): string | undefined {
  return KEY_HEADERS.find((name) => !read.includes(name) && header(name) !== undefined)
}

/**
 * Returns strings that may be keys. The caller checks whether they are known keys or have the
 * format of issued keys.
 *
 * @param query the query of the request, with or without its `?`
 */
export function possibleKeys(header: HeaderReader, query: string): PossibleKey[] {
  const keys: PossibleKey[] = []
  for (const value of authorizationValues(header('authorization')?.trim() ?? ''))
    keys.push({ place: 'Authorization', value })
  for (const name of OTHER_HEADERS) {
    const value = header(name)?.trim()
    if (value !== undefined) keys.push({ place: name, value })
  }
  if (query.length > 1) keys.push(...parametersOf(query))
  return keys.filter(({ value }) => value.length >= MIN_LENGTH && value.length <= MAX_SECRET_LENGTH)
}

/** Minimum length of a possible key; shorter strings are words and numbers. */
const MIN_LENGTH = 8

/**
 * Returns credentials sent with a scheme other than `Bearer` or without a scheme. For `Basic`,
 * returns the password and the user name.
 */
function authorizationValues(authorization: string): string[] {
  const [, scheme = '', rest = ''] = /^([^\s:=]+)[\s:=]+(.*)$/s.exec(authorization) ?? []
  if (scheme.toLowerCase() !== 'basic') return rest === '' ? [authorization] : [rest.trim()]
  const decoded = Buffer.from(rest.trim(), 'base64').toString('utf8')
  const colonAt = decoded.indexOf(':')
  return colonAt === -1 ? [decoded] : [decoded.slice(colonAt + 1), decoded.slice(0, colonAt)]
}

function parametersOf(query: string): PossibleKey[] {
  const keys: PossibleKey[] = []
  for (const [name, value] of new URLSearchParams(query)) {
    if (!PARAMETERS.has(name.toLowerCase())) continue
    keys.push({ place: `the query parameter '${name}'`, value: value.trim() })
    if (keys.length === MAX_PARAMETERS) break
  }
  return keys
}
