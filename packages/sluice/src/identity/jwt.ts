import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose'
import { OptionTypeError } from '../option-error.js'
import { type Client, checkClient, UnauthorizedError } from '../rules/client.js'
import { claimOf } from './claims.js'
import type { VerifyToken } from './identify.js'
import { IdentityUnavailableError } from './identity-unavailable.js'
import { remoteKeys } from './remote-keys.js'
import { UnusableKeyError } from './unusable-key.js'

export interface JwtOptions {
  /**
   * URL of the key set (JWKS) that tokens are signed with, or a function of `jose` that finds keys.
   */
  readonly jwks: string | URL | JWTVerifyGetKey
  /** Required audience (`aud`). Tokens for another audience are rejected. */
  readonly audience: string | readonly string[]
  /** Required issuer (`iss`). Default: any issuer with a key of the set. */
  readonly issuer?: string | readonly string[]
  /**
   * Accepted signature algorithms. Default: those of RSA, ECDSA and EdDSA. Never `none` or a shared
   * secret.
   */
  readonly algorithms?: readonly string[]
  /**
   * The claim that identifies the client, a string or an integer. A nested claim is given by a path
   * such as `realm.client`, or by a JSON pointer such as `/roles/0`. Default `sub`.
   */
  readonly client?: string
  /** The claim with the tier of the client, given as `client` is. Default: none. */
  readonly tier?: string
  /** Tolerated difference of the clocks, in seconds. Default 5. */
  readonly clockTolerance?: number
}

/** Two names of one signature algorithm, of RFC 8037 and of its successor RFC 9864. */
const ED25519 = ['EdDSA', 'Ed25519']

const ASYMMETRIC = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
  ...ED25519,
]

/** Maximum number of keys that are tried for a token that names no key. */
const MAX_TRIED_KEYS = 16

/**
 * Verifies JWTs: signature, expiry (required), audience, issuer and algorithm. Keys are fetched on
 * first use, again after ten minutes, and when a token names an unknown key, at most once in 30
 * seconds. If fetching fails, keys remain in use for up to an hour.
 *
 * The verifier rejects with UnauthorizedError for an invalid token, and with
 * IdentityUnavailableError if the keys are unavailable.
 *
 * @throws TypeError for options that would accept tokens they should not
 */
export function jwtVerifier(options: JwtOptions): VerifyToken {
  const { audience, issuer, algorithms = ASYMMETRIC, client = 'sub', tier, clockTolerance = 5 } = options
  if (audience === undefined || audience.length === 0)
    throw new OptionTypeError(
      ['audience'],
      "'audience' is required; without it tokens for any audience would be accepted",
    )
  const weak = algorithms.find((algorithm) => !ASYMMETRIC.includes(algorithm))
  if (weak !== undefined || algorithms.length === 0)
    throw new OptionTypeError(
      ['algorithms'],
      `'algorithms' must be a list of ${ASYMMETRIC.join(', ')}, not ${weak ?? 'an empty list'}`,
    )
  const keys = typeof options.jwks === 'function' ? options.jwks : remoteKeys(new URL(options.jwks))
  const required = {
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
      const { payload } = await verify(token, keys, required)
      return clientOf(payload, client, tier)
    } catch (error) {
      throw identityError(error)
    }
  }
}

/** Verifies a token with the key that it names, or else with each key that may have signed it. */
async function verify(token: string, keys: JWTVerifyGetKey, required: JWTVerifyOptions) {
  let kid: string | undefined
  let isKeyFound = false
  const find: JWTVerifyGetKey = async (header, jws) => {
    kid = header.kid
    try {
      const key = await keys(header, jws)
      isKeyFound = true
      return key
    } catch (error) {
      // Functions of `jose` fail like this for a malformed key of theirs.
      isKeyFound = error instanceof DOMException && error.name === 'DataError'
      throw error
    }
  }
  try {
    return await jwtVerify(token, find, required)
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyWithAny(token, error, required)
    // Once the key is found, an error that is not about the token is about the key, such as one too
    // short.
    if (isKeyFound && !(error instanceof errors.JOSEError)) throw new UnusableKeyError(kid, { cause: error })
    throw error
  }
}

async function verifyWithAny(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  required: JWTVerifyOptions,
) {
  let tried = 0
  for await (const key of candidates) {
    try {
      return await jwtVerify(token, key, required)
    } catch (error) {
      const isOtherKey = error instanceof errors.JWSSignatureVerificationFailed
      if (error instanceof errors.JOSEError && !isOtherKey) throw error
    }
    tried += 1
    if (tried === MAX_TRIED_KEYS) break
  }
  throw new errors.JWSSignatureVerificationFailed()
}

function clientOf(payload: JWTPayload, client: string, tier: string | undefined): Client {
  // Some issuers write claims that a user lacks as null.
  const tierName = tier === undefined ? undefined : (claimText(claimOf(payload, tier)) ?? undefined)
  try {
    return checkClient({ id: claimText(claimOf(payload, client)), tier: tierName })
  } catch {
    const claims = [client, tier].filter((name) => name !== undefined).join("', '")
    throw new UnauthorizedError(
      `the token of this request lacks a required claim, or the claim is not a string or an integer: '${claims}'`,
    )
  }
}

/**
 * Converts an integer to its digits. An integer beyond double precision is rejected, because two
 * clients could become the same.
 */
function claimText(claim: unknown): unknown {
  return Number.isSafeInteger(claim) ? String(claim) : claim
}

/** Distinguishes an invalid token from unavailable keys. The error repeats nothing of the token. */
function identityError(error: unknown): Error {
  if (error instanceof IdentityUnavailableError || error instanceof UnauthorizedError) return error
  if (error instanceof errors.JWTExpired)
    return new UnauthorizedError('the token of this request has expired')
  if (error instanceof errors.JWTClaimValidationFailed)
    return new UnauthorizedError(`the token of this request is invalid: its '${error.claim}' is not accepted`)
  const isUnavailable = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid
  if (error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC' && !isUnavailable)
    return new UnauthorizedError('the token of this request is invalid')
  return new IdentityUnavailableError({ cause: error })
}
