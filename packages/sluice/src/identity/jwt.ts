import { errors, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose'
import { isOptionError, OptionTypeError } from '../option-error.js'
import { type Client, checkClient, UnauthorizedError } from '../rules/client.js'
import { checkLabelName, checkLabels, type Labels } from '../rules/labels.js'
import { claimOf } from './claims.js'
import type { VerifyToken } from './identify.js'
import { IdentityUnavailableError } from './identity-unavailable.js'
import { remoteKeys } from './remote-keys.js'
import { UnusableKeyError } from './unusable-key.js'

/** How tokens are verified. */
export interface JwtClaimsOptions {
  /** URL of the issuer's key set (JWKS), or a `jose` function that finds keys. */
  readonly jwks: string | URL | JWTVerifyGetKey
  /** Required audience (`aud`). Tokens for another audience are rejected. */
  readonly audience: string | readonly string[]
  /** Required issuer (`iss`). Default: any issuer whose key is in the set. */
  readonly issuer?: string | readonly string[]
  /**
   * Accepted signature algorithms. Default: those of RSA, ECDSA and EdDSA. `none` and algorithms
   * with a shared secret are rejected.
   */
  readonly algorithms?: readonly string[]
  /** Tolerated clock skew, in seconds. Default 5. */
  readonly clockTolerance?: number
}

export interface JwtOptions extends JwtClaimsOptions {
  /**
   * Name of the claim that identifies the client; its value is a string or an integer. For a nested
   * claim, use a path such as `realm.client` or a JSON pointer such as `/roles/0`. Default `sub`.
   */
  readonly client?: string
  /** Name of the claim that holds the client's tier, in the notation of `client`. Default: none. */
  readonly tier?: string
  /**
   * The claims that hold the client's labels, by the name of the label, in the notation of `client`:
   * `{ org: 'realm_access.org', team: 'team' }`. A claim is a string, an integer, or a list of them. A
   * missing or empty claim gives no label. Default: none.
   */
  readonly labels?: Readonly<Record<string, string>>
}

/** The claims of a verified token, by name. */
export type JwtClaims = Readonly<Record<string, unknown>>

/** Two names for the same signature algorithm, from RFC 8037 and its successor RFC 9864. */
const ED25519 = ['EdDSA', 'Ed25519']

const ASYMMETRIC = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
  ...ED25519,
]

/** Maximum number of keys that are tried for a token that names no key. */
const MAX_TRIED_KEYS = 16

/**
 * Identifies clients by JWTs, which are verified as `jwtClaims` does.
 *
 * The verifier rejects with UnauthorizedError for an invalid token, and with
 * IdentityUnavailableError if the keys are unavailable.
 *
 * @throws TypeError for options that would accept tokens of other audiences or with weak signatures
 */
export function jwtVerifier({ client = 'sub', tier, labels, ...options }: JwtOptions): VerifyToken {
  const ofLabels = labelClaims(labels)
  const claims = jwtClaims(options)
  return async (token) => clientOf(await claims(token), client, tier, ofLabels)
}

/**
 * Verifies JWTs and returns their claims: signature, expiry (required), audience, issuer and algorithm. Keys are fetched on
 * first use, every ten minutes, and when a token names an unknown key, but at most once every 30
 * seconds. If fetching fails, the known keys remain in use for up to an hour.
 *
 * The function rejects with UnauthorizedError for an invalid token, and with
 * IdentityUnavailableError if the keys are unavailable.
 *
 * @throws TypeError for options that would accept tokens of other audiences or with weak signatures
 */
export function jwtClaims(options: JwtClaimsOptions): (token: string) => Promise<JwtClaims> {
  const { audience, issuer, algorithms = ASYMMETRIC, clockTolerance = 5 } = options
  if (audience === undefined || audience.length === 0)
    throw new OptionTypeError(
      ['audience'],
      "'audience' is required; without it, tokens for any audience would be accepted",
    )
  const weak = algorithms.find((algorithm) => !ASYMMETRIC.includes(algorithm))
  if (weak !== undefined)
    throw new OptionTypeError(
      ['algorithms'],
      `'algorithms' must contain only ${ASYMMETRIC.join(', ')}, not ${weak}`,
    )
  if (algorithms.length === 0) throw new OptionTypeError(['algorithms'], "'algorithms' must not be empty")
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
      return (await verify(token, keys, required)).payload
    } catch (error) {
      throw identityError(error)
    }
  }
}

/**
 * Verifies a token with the key that it names. If it names none, tries each key that may have
 * signed it.
 */
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
      // `jose` functions throw this error for a malformed key in their set.
      isKeyFound = error instanceof DOMException && error.name === 'DataError'
      throw error
    }
  }
  try {
    return await jwtVerify(token, find, required)
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return verifyWithAny(token, error, required)
    // Once a key is found, any error other than a JOSEError is caused by the key, for example
    // because it is too short.
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

/** The claim of each label. */
type LabelClaims = readonly (readonly [label: string, claim: string])[]

function labelClaims(labels: JwtOptions['labels'] = {}): LabelClaims {
  const claims = Object.entries(labels)
  for (const [label, claim] of claims) {
    checkLabelName(label)
    if (typeof claim !== 'string' || claim === '')
      throw new OptionTypeError(
        ['labels', label],
        `the claim of the label '${label}' must be a string such as 'org'`,
      )
  }
  return claims
}

function labelsOf(payload: JwtClaims, claims: LabelClaims): Labels | undefined {
  const found = claims.flatMap(([label, claim]) => {
    const value = claimOf(payload, claim)
    const isMissing = value === undefined || value === null || value === ''
    return isMissing ? [] : [[label, Array.isArray(value) ? value.map(claimString) : claimString(value)]]
  })
  if (found.length === 0) return undefined
  try {
    return checkLabels(Object.fromEntries(found))
  } catch (error) {
    if (!isOptionError(error)) throw error
    throw new UnauthorizedError(`a claim of this request's token is not a label: ${error.reason}`)
  }
}

function clientOf(payload: JwtClaims, client: string, tier: string | undefined, labels: LabelClaims): Client {
  // Some issuers set missing claims to null.
  const tierName = tier === undefined ? undefined : (claimString(claimOf(payload, tier)) ?? undefined)
  const ownLabels = labelsOf(payload, labels)
  try {
    return checkClient({ id: claimString(claimOf(payload, client)), tier: tierName, labels: ownLabels })
  } catch {
    const claims = [client, tier].filter((name) => name !== undefined).join("' or '")
    throw new UnauthorizedError(
      `the claim '${claims}' of this request's token is missing, or is neither a string nor an integer`,
    )
  }
}

/**
 * Converts an integer claim to a string. An integer beyond double precision stays a number and is
 * then rejected, because rounding could give two clients the same ID.
 */
function claimString(claim: unknown): unknown {
  return Number.isSafeInteger(claim) ? String(claim) : claim
}

/**
 * Returns the error for an invalid token or for unavailable keys. Its message contains no values
 * from the token.
 */
function identityError(error: unknown): Error {
  if (error instanceof IdentityUnavailableError || error instanceof UnauthorizedError) return error
  if (error instanceof errors.JWTExpired)
    return new UnauthorizedError('the token of this request has expired')
  if (error instanceof errors.JWTClaimValidationFailed)
    return new UnauthorizedError(
      `the token of this request is invalid: its claim '${error.claim}' is not accepted`,
    )
  const isUnavailable = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid
  if (error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC' && !isUnavailable)
    return new UnauthorizedError('the token of this request is invalid')
  return new IdentityUnavailableError({ cause: error })
}
