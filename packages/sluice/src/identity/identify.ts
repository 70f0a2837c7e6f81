import { type Client, UnauthorizedError } from '../policy/client.js'
import type { MaybePromise } from '../stores/store.js'
import { type KeyLookup, keyDigest } from './api-keys.js'
import { type HeaderReader, readCredentials } from './credentials.js'

/**
 * Says who sends a request, from its headers. Undefined: a visitor, who shows nothing.
 *
 * @throws UnauthorizedError, or rejects with it, for credentials that are not known: they are never taken for none.
 */
export type Identify = (header: HeaderReader) => MaybePromise<Client | undefined>

/** Checks a signed token. Rejects with UnauthorizedError where it does not hold. */
export type VerifyToken = (token: string) => Promise<Client>

export interface IdentityOptions {
  /** Whose an API key is: `keyTable([…])`, or `cachedLookup(…)` of a database. */
  readonly apiKeys?: KeyLookup
  /** Checks a JWT: `jwtVerifier({…})` of `sluice/jwt`. */
  readonly jwt?: VerifyToken
}

/**
 * Reads who a client is from `X-API-Key` or `Authorization: Bearer …`. A text of the form of a JWT is a token where tokens
 * are checked, and an API key where they are not.
 *
 * @throws TypeError where there is nothing to check credentials with.
 */
export function identity({ apiKeys, jwt }: IdentityOptions): Identify {
  if (apiKeys === undefined && jwt === undefined) {
    throw new TypeError("identity() wants 'apiKeys', 'jwt' or both")
  }
  return (header) => {
    const credentials = readCredentials(header)
    if (credentials === undefined) return undefined
    const { kind, secret } = credentials
    if (kind === 'token' && jwt !== undefined) return jwt(secret)
    const found = apiKeys?.(keyDigest(secret))
    return found instanceof Promise ? found.then(known) : known(found)
  }
}

function known(client: Client | undefined): Client {
  if (client === undefined) throw new UnauthorizedError('the key of this request is not known')
  return client
}
