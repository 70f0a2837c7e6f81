import { OptionTypeError } from '../option-error.js'
import { type Client, UnauthorizedError } from '../rules/client.js'
import type { MaybePromise } from '../stores/store.js'
import { type KeyLookup, keyDigest } from './api-keys.js'
import { type HeaderReader, hasJwtFormat, readCredentials } from './credentials.js'
import { isIssuedKey, isMistypedKey } from './key-format.js'
import { misplacedKeyHeader, type PossibleKey, possibleKeys } from './misplaced-keys.js'

/**
 * Identifies the client of a request by its headers. Returns undefined for an anonymous request,
 * which has no credentials.
 *
 * @param query the query of the request, with or without its `?`. A key in the query is refused,
 *   never used.
 * @throws UnauthorizedError, or rejects with it, for unknown credentials; such a request is never
 *   treated as anonymous
 */
export type Identify = (header: HeaderReader, query?: string) => MaybePromise<Client | undefined>

/** Verifies a signed token. Rejects with UnauthorizedError if it is invalid. */
export type VerifyToken = (token: string) => Promise<Client>

export interface IdentityOptions {
  /** Looks up API keys: `keyTable([…])`, or `cachedLookup(…)` for keys in a database. */
  readonly apiKeys?: KeyLookup
  /** Headers other than `X-API-Key` that hold an API key, such as `x-goog-api-key`. */
  readonly apiKeyHeaders?: readonly string[]
  /** Verifies JWTs: `jwtVerifier({…})` from `sluice/jwt`. */
  readonly jwt?: VerifyToken
}

/** The message for a key with a typing error, which it does not repeat. */
const MISTYPED = 'the API key of this request is mistyped: its checksum is wrong; copy the complete key again'

/**
 * Identifies clients by `X-API-Key` or `Authorization: Bearer …`. A string in JWT format is treated
 * as a token if `jwt` is set, otherwise as an API key. A mistyped key of `newKey` gets 401 without a
 * lookup. A key in an unsupported place, such as the
 * query or `Authorization: Basic`, is refused with 401, and the message lists the supported places.
 *
 * @throws TypeError if neither `apiKeys` nor `jwt` is set, or a header name is invalid
 */
export function identity({ apiKeys, apiKeyHeaders = [], jwt }: IdentityOptions): Identify {
  if (apiKeys === undefined && jwt === undefined) {
    throw new OptionTypeError([], "identity() requires 'apiKeys', 'jwt' or both")
  }
  const keyHeaders = ['x-api-key', ...apiKeyHeaders.map(checkHeaderName)]
  const hint = `send it as 'Authorization: Bearer …' or in ${keyHeaders.map((name) => `'${name}'`).join(', ')}`

  const identify = (header: HeaderReader, query = ''): MaybePromise<Client | undefined> => {
    const credentials = readCredentials(header, keyHeaders)
    if (credentials === undefined) return refuseMisplaced(header, query)
    const { kind, secret } = credentials
    if (kind === 'token' && jwt !== undefined) return jwt(secret)
    if (isMistypedKey(secret)) throw new UnauthorizedError(MISTYPED)
    const found = apiKeys?.(keyDigest(secret))
    return found instanceof Promise ? found.then(requireKnown) : requireKnown(found)
  }
  const refuseMisplaced = (header: HeaderReader, query: string): MaybePromise<undefined> => {
    const name = misplacedKeyHeader(header, keyHeaders)
    if (name !== undefined) throw misplaced(`'${name}'`)
    const possible = possibleKeys(header, query)
    return possible.length === 0 ? undefined : refuseKnownKeys(possible)
  }
  const refuseKnownKeys = (possible: readonly PossibleKey[]): MaybePromise<undefined> => {
    for (const [index, { place, value }] of possible.entries()) {
      if (isIssuedKey(value) || (jwt !== undefined && isToken(value))) throw misplaced(place)
      const found = apiKeys?.(keyDigest(value))
      if (found instanceof Promise)
        return found.then((client) => {
          if (client !== undefined) throw misplaced(place)
          return refuseKnownKeys(possible.slice(index + 1))
        })
      if (found !== undefined) throw misplaced(place)
    }
    return undefined
  }
  const misplaced = (place: string) =>
    new UnauthorizedError(`this request has a key in ${place}, where keys are not accepted; ${hint}`)
  return identify
}

/**
 * Reports whether a string is a JWT. Version numbers have the same format, so this also checks for
 * `eyJ`, the base64 of the `{"` that begins every JWT.
 */
function isToken(value: string): boolean {
  return value.startsWith('eyJ') && hasJwtFormat(value)
}

/** Headers that cannot hold a key because they have another meaning. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'host',
  'connection',
  'content-length',
])

function checkHeaderName(name: string): string {
  const lower = name.toLowerCase()
  if (!/^[a-z0-9-]{1,64}$/.test(lower) || RESERVED_HEADERS.has(lower))
    throw new OptionTypeError(
      ['apiKeyHeaders'],
      `'apiKeyHeaders' must contain only header names such as 'x-goog-api-key'; '${name}' cannot hold a key`,
    )
  return lower
}

function requireKnown(client: Client | undefined): Client {
  if (client === undefined) throw new UnauthorizedError('the API key of this request is unknown')
  return client
}
