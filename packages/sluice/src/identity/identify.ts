import { OptionTypeError } from '../option-error.js'
import { type Client, UnauthorizedError } from '../rules/client.js'
import type { MaybePromise } from '../stores/store.js'
import { isIssuedKey, type KeyLookup, keyDigest } from './api-keys.js'
import { type HeaderReader, hasFormOfToken, readCredentials } from './credentials.js'
import { misplacedKeyHeader, type PossibleKey, possibleKeys } from './misplaced-keys.js'

/**
 * Says who sends a request, from its headers. Undefined: an anonymous request, which shows no credentials.
 *
 * @param query the query of the request, with or without its `?`. Keys are not read there; one that is there is refused.
 * @throws UnauthorizedError, or rejects with it, for credentials that are not known: they are never taken for none.
 */
export type Identify = (header: HeaderReader, query?: string) => MaybePromise<Client | undefined>

/** Checks a signed token. Rejects with UnauthorizedError where it does not hold. */
export type VerifyToken = (token: string) => Promise<Client>

export interface IdentityOptions {
  /** Whose an API key is: `keyTable([…])`, or `cachedLookup(…)` of a database. */
  readonly apiKeys?: KeyLookup
  /** Headers that hold an API key beside `X-API-Key`, such as `x-goog-api-key`. */
  readonly apiKeyHeaders?: readonly string[]
  /** Checks a JWT: `jwtVerifier({…})` of `sluice/jwt`. */
  readonly jwt?: VerifyToken
}

/**
 * Reads who a client is from `X-API-Key` or `Authorization: Bearer …`. A text of the form of a JWT is a token where tokens
 * are checked, and an API key where they are not. A key in a place that is not read, such as the query or `Authorization: Basic`,
 * is refused with 401 and the places that are.
 *
 * @throws TypeError where there is nothing to check credentials with, or a header's name is none.
 */
export function identity({ apiKeys, apiKeyHeaders = [], jwt }: IdentityOptions): Identify {
  if (apiKeys === undefined && jwt === undefined) {
    throw new OptionTypeError([], "identity() wants 'apiKeys', 'jwt' or both")
  }
  const keyHeaders = ['x-api-key', ...apiKeyHeaders.map(checkedName)]
  const places = `send it as 'Authorization: Bearer …' or in ${keyHeaders.map((name) => `'${name}'`).join(', ')}`

  const identify = (header: HeaderReader, query = ''): MaybePromise<Client | undefined> => {
    const credentials = readCredentials(header, keyHeaders)
    if (credentials === undefined) return refuseMisplaced(header, query)
    const { kind, secret } = credentials
    if (kind === 'token' && jwt !== undefined) return jwt(secret)
    const found = apiKeys?.(keyDigest(secret))
    return found instanceof Promise ? found.then(known) : known(found)
  }
  const refuseMisplaced = (header: HeaderReader, query: string): MaybePromise<undefined> => {
    const name = misplacedKeyHeader(header, keyHeaders)
    if (name !== undefined) throw misplaced(`'${name}'`)
    const possible = possibleKeys(header, query)
    return possible.length === 0 ? undefined : refuseKnown(possible)
  }
  const refuseKnown = (possible: readonly PossibleKey[]): MaybePromise<undefined> => {
    for (const [index, { place, text }] of possible.entries()) {
      if (isIssuedKey(text) || (jwt !== undefined && isToken(text))) throw misplaced(place)
      const found = apiKeys?.(keyDigest(text))
      if (found instanceof Promise)
        return found.then((client) => {
          if (client !== undefined) throw misplaced(place)
          return refuseKnown(possible.slice(index + 1))
        })
      if (found !== undefined) throw misplaced(place)
    }
    return undefined
  }
  const misplaced = (place: string) =>
    new UnauthorizedError(`this request shows a key in ${place}, which is not read; ${places}`)
  return identify
}

/** The head of a token is an object in JSON, which begins so in base64. Version numbers have the form of a token otherwise. */
function isToken(text: string): boolean {
  return text.startsWith('eyJ') && hasFormOfToken(text)
}

/** Names that cannot hold a key, as they have a meaning of their own. */
const TAKEN: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'host',
  'connection',
  'content-length',
])

function checkedName(name: string): string {
  const lower = name.toLowerCase()
  if (!/^[a-z0-9-]{1,64}$/.test(lower) || TAKEN.has(lower))
    throw new OptionTypeError(
      ['apiKeyHeaders'],
      `'apiKeyHeaders' are names of headers such as 'x-goog-api-key'; '${name}' cannot be one`,
    )
  return lower
}

function known(client: Client | undefined): Client {
  if (client === undefined) throw new UnauthorizedError('the key of this request is not known')
  return client
}
