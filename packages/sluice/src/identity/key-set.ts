import { createLocalJWKSet, errors, importJWK, type JWK, type JWTVerifyGetKey } from 'jose'
import { UnusableKeyError } from './unusable-key.js'

/** Maximum number of keys in a set. */
const MAX_KEYS = 1000

/**
 * Reads a key set (JWKS). Unusable keys do not affect the others.
 *
 * The returned function rejects with UnusableKeyError for a token that names an unusable key, and
 * with a `jose` error for a token that names a key outside the set.
 *
 * @throws Error for a value that is not a key set
 */
export async function readKeySet(set: unknown): Promise<JWTVerifyGetKey> {
  const entries = keysOf(set)
  const usable: JWK[] = []
  /** IDs of unusable keys; undefined for keys without an ID. */
  const unusable = new Set<unknown>()
  for (const entry of entries.slice(0, MAX_KEYS)) {
    try {
      usable.push(await checkKey(entry))
    } catch {
      unusable.add(entry !== null && typeof entry === 'object' ? (entry as JWK).kid : undefined)
    }
  }
  const find = createLocalJWKSet({ keys: usable })
  return async (header, token) => {
    try {
      return await find(header, token)
    } catch (error) {
      const isMissing = error instanceof errors.JWKSNoMatchingKey
      if (isMissing && unusable.has(header?.kid)) throw new UnusableKeyError(header?.kid)
      throw error
    }
  }
}

function keysOf(set: unknown): readonly unknown[] {
  if (set !== null && typeof set === 'object' && 'keys' in set && Array.isArray(set.keys)) return set.keys
  throw new errors.JWKSInvalid("a key set must be an object whose 'keys' is a list")
}

/** @throws Error for an unusable key */
async function checkKey(entry: unknown): Promise<JWK> {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry))
    throw new TypeError('a key must be an object')
  // The algorithm of Ed25519 has two names, so the key is identified by its curve alone.
  const { alg, ...rest } = entry as JWK
  const jwk: JWK = rest.crv === 'Ed25519' ? rest : (entry as JWK)
  // Keys for other purposes or algorithms are harmless, because no token matches them.
  const algorithm = ALGORITHMS.get(`${jwk.kty} ${jwk.crv ?? ''}`.trim())
  if (algorithm === undefined || (jwk.use ?? 'sig') !== 'sig') return jwk
  const key = await importJWK(jwk, jwk.alg ?? algorithm)
  if (!('type' in key) || key.type !== 'public') throw new TypeError('a published key must be a public key')
  return jwk
}

/** The algorithm used to test each kind of key. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['RSA', 'RS256'],
  ['EC P-256', 'ES256'],
  ['EC P-384', 'ES384'],
  ['EC P-521', 'ES512'],
  ['OKP Ed25519', 'EdDSA'],
])
