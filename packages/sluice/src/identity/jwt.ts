import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose'
import { OptionTypeError } from '../option-error.js'
import { type Client, checkClient, UnauthorizedError } from '../rules/client.js'
import { claimOf } from './claims.js'
import type { VerifyToken } from './identify.js'
import { IdentityUnavailableError } from './identity-unavailable.js'
import { remoteKeys } from './remote-keys.js'
import { UnusableKeyError } from './unusable-key.js'

export interface JwtOptions {
  /** Where the keys are that tokens are signed with; or a function of `jose` that finds them. */
  readonly jwks: string | URL | JWTVerifyGetKey
  /** Who the tokens must be for (`aud`). A token for somebody else says nothing here. */
  readonly audience: string | readonly string[]
  /** Who must have issued them (`iss`). Default: whoever has the keys. */
  readonly issuer?: string | readonly string[]
  /** Signatures that are taken. Default: those of RSA, ECDSA and EdDSA. Never `none`, nor a shared secret. */
  readonly algorithms?: readonly string[]
  /**
   * The claim that says which client it is, a text or a whole number. A claim within others is named by a path such as
   * `realm.client`, or by a JSON pointer such as `/roles/0`. Default `sub`.
   */
  readonly client?: string
  /** The claim that says its tier, named as `client` is. Default: none. */
  readonly tier?: string
  /** How far the clocks may be apart, in seconds. Default 5. */
  readonly clockTolerance?: number
}

/** Two names of the same signature: RFC 8037 and, in its place, RFC 9864. */
const ED25519 = ['EdDSA', 'Ed25519']

const ASYMMETRIC = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
  ...ED25519,
]

/** Most keys that a token without the name of its key is tried with. */
const MAX_TRIED_KEYS = 16

/**
 * Checks JWTs: signature, expiry (which a token must have), audience, issuer and algorithm. The keys are fetched when they are
 * first needed and again when they are ten minutes old, or where a token names one that is new: at most once in thirty seconds. While they
 * cannot be had, the old ones are taken until they are an hour old.
 *
 * The check rejects with UnauthorizedError for a token that does not hold, and with IdentityUnavailableError where the keys
 * cannot be had.
 *
 * @throws TypeError for options that would take tokens which they should not.
 */
export function jwtVerifier(options: JwtOptions): VerifyToken {
  const { audience, issuer, algorithms = ASYMMETRIC, client = 'sub', tier, clockTolerance = 5 } = options
  if (audience === undefined || audience.length === 0)
    throw new OptionTypeError(
      ['audience'],
      "'audience' says who the tokens are for; without it a token for anybody would do",
    )
  const weak = algorithms.find((algorithm) => !ASYMMETRIC.includes(algorithm))
  if (weak !== undefined || algorithms.length === 0)
    throw new OptionTypeError(
      ['algorithms'],
      `'algorithms' are some of ${ASYMMETRIC.join(', ')}; not ${weak ?? 'none at all'}`,
    )
  const keys = typeof options.jwks === 'function' ? options.jwks : remoteKeys(new URL(options.jwks))
  const wanted = {
    audience: [audience].flat(),
    algorithms: algorithms.some((name) => ED25519.includes(name))
      ? [...algorithms, ...ED25519]
      : [...algorithms],
    clockTolerance,
    requiredClaims: ['exp'],
    ...(issuer !== undefined && { issuer: [issuer].flat() }),
  }
  return async (token) => {
    try {
      const { payload } = await verified(token, keys, wanted)
      return clientOf(payload, client, tier)
    } catch (error) {
      throw refusalOf(error)
    }
  }
}

/** Checks a token with the key that it names; where it names none, with those that it may be signed with. */
async function verified(token: string, keys: JWTVerifyGetKey, wanted: JWTVerifyOptions) {
  let kid: string | undefined
  let found = false
  const find: JWTVerifyGetKey = async (header, jws) => {
    kid = header.kid
    try {
      const key = await keys(header, jws)
      found = true
      return key
    } catch (error) {
      // So the functions of `jose` fail for a key of theirs that cannot be read.
      found = error instanceof DOMException && error.name === 'DataError'
      throw error
    }
  }
  try {
    return await jwtVerify(token, find, wanted)
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return verifiedByAny(token, error, wanted)
    // What fails beside the token's own faults once its key is found is a fault of the key, such as one that is too short.
    if (found && !(error instanceof errors.JOSEError)) throw new UnusableKeyError(kid, { cause: error })
    throw error
  }
}

async function verifiedByAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  wanted: JWTVerifyOptions,
) {
  let tried = 0
  for await (const key of candidates) {
    try {
      return await jwtVerify(token, key, wanted)
    } catch (error) {
      const isOfAnother = error instanceof errors.JWSSignatureVerificationFailed
      if (error instanceof errors.JOSEError && !isOfAnother) throw error
    }
    tried += 1
    if (tried === MAX_TRIED_KEYS) break
  }
  throw new errors.JWSSignatureVerificationFailed()
}

function clientOf(payload: JWTPayload, client: string, tier: string | undefined): Client {
  // Some issuers write the claims that a user does not have as null.
  const claimed = tier === undefined ? undefined : (named(claimOf(payload, tier)) ?? undefined)
  try {
    return checkClient({ id: named(claimOf(payload, client)), tier: claimed })
  } catch {
    const claims = [client, tier].filter((name) => name !== undefined).join("', '")
    throw new UnauthorizedError(
      `the token of this request lacks a claim that is wanted, or it is neither a text nor a whole number: '${claims}'`,
    )
  }
}

/** A number as its digits. One that is not exact in a double is not taken: two clients could be the same. */
function named(claim: unknown): unknown {
  return Number.isSafeInteger(claim) ? String(claim) : claim
}

/** Tells a token that does not hold from keys that cannot be had; nothing of the token is repeated. */
function refusalOf(error: unknown): Error {
  if (error instanceof IdentityUnavailableError || error instanceof UnauthorizedError) return error
  if (error instanceof errors.JWTExpired)
    return new UnauthorizedError('the token of this request has expired')
  if (error instanceof errors.JWTClaimValidationFailed)
    return new UnauthorizedError(
      `the token of this request does not hold: its '${error.claim}' is not what is wanted`,
    )
  const unreachable = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid
  if (error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC' && !unreachable)
    return new UnauthorizedError('the token of this request does not hold')
  return new IdentityUnavailableError({ cause: error })
}
