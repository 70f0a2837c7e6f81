import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { type Client, checkClient, UnauthorizedError } from '../policy/client.js'
import type { VerifyToken } from './identify.js'
import { IdentityUnavailableError } from './identity-unavailable.js'
import { remoteKeys } from './remote-keys.js'

export interface JwtOptions {
  /** Where the keys are that tokens are signed with; or a function of `jose` that finds them. */
  readonly jwks: string | URL | JWTVerifyGetKey
  /** Who the tokens must be for (`aud`). A token for somebody else says nothing here. */
  readonly audience: string | readonly string[]
  /** Who must have issued them (`iss`). Default: whoever has the keys. */
  readonly issuer?: string | readonly string[]
  /** Signatures that are taken. Default: those of RSA, ECDSA and EdDSA. Never `none`, nor a shared secret. */
  readonly algorithms?: readonly string[]
  /** The claim that says which client it is. Default `sub`. */
  readonly client?: string
  /** The claim that says its tier. Default: none. */
  readonly tier?: string
  /** How far the clocks may be apart, in seconds. Default 5. */
  readonly clockTolerance?: number
}

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

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
    throw new TypeError("'audience' says who the tokens are for; without it a token for anybody would do")
  const weak = algorithms.find((algorithm) => !ASYMMETRIC.includes(algorithm))
  if (weak !== undefined || algorithms.length === 0)
    throw new TypeError(`'algorithms' are some of ${ASYMMETRIC.join(', ')}; not ${weak ?? 'none at all'}`)
  const keys = typeof options.jwks === 'function' ? options.jwks : remoteKeys(new URL(options.jwks))
  const wanted = {
    audience: [audience].flat(),
    algorithms: [...algorithms],
    clockTolerance,
    requiredClaims: ['exp'],
    ...(issuer !== undefined && { issuer: [issuer].flat() }),
  }
  return async (token) => {
    let payload: JWTPayload
    try {
      ;({ payload } = await jwtVerify(token, keys, wanted))
    } catch (error) {
      throw refusalOf(error)
    }
    return clientOf(payload, client, tier)
  }
}

function clientOf(payload: JWTPayload, client: string, tier: string | undefined): Client {
  const claimed = tier === undefined ? undefined : payload[tier]
  try {
    return checkClient({ id: payload[client], tier: claimed })
  } catch {
    const claims = [client, tier].filter((name) => name !== undefined).join("', '")
    throw new UnauthorizedError(
      `the token of this request lacks a claim that is wanted, or it is no text: '${claims}'`,
    )
  }
}

/** Tells a token that does not hold from keys that cannot be had; nothing of the token is repeated. */
function refusalOf(error: unknown): Error {
  if (error instanceof IdentityUnavailableError) return error
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
