import { createLocalJWKSet, errors, importJWK, type JWK, type JWTVerifyGetKey } from 'jose'
import { UnusableKeyError } from './unusable-key.js'

/** Most keys of one set. */
const MAX_KEYS = 1000

/**
 * Reads a set of keys, of which some may be broken: the others are used all the same.
 *
 * The function that it gives rejects with UnusableKeyError for a token that names a broken key, and with an error of `jose` for one
 * that names no key of the set.
 *
 * @throws Error where it is no set of keys.
 */
export async function readKeySet(set: unknown): Promise<JWTVerifyGetKey> {
  const entries = listOf(set)
  const usable: JWK[] = []
  /** Names of keys that cannot be used; undefined for those without one. */
  const broken = new Set<unknown>()
  for (const entry of entries.slice(0, MAX_KEYS)) {
    try {
      usable.push(await checked(entry))
    } catch {
      broken.add(entry !== null && typeof entry === 'object' ? (entry as JWK).kid : undefined)
    }
  }
  const find = createLocalJWKSet({ keys: usable })
  return async (header, token) => {
    try {
      return await find(header, token)
    } catch (error) {
      const isMissing = error instanceof errors.JWKSNoMatchingKey
      if (isMissing && broken.has(header?.kid)) throw new UnusableKeyError(header?.kid)
      throw error
    }
  }
}

function listOf(set: unknown): readonly unknown[] {
  if (set !== null && typeof set === 'object' && 'keys' in set && Array.isArray(set.keys)) return set.keys
  throw new errors.JWKSInvalid("a set of keys is an object with a list of 'keys'")
}

/** @throws Error where the key cannot be used. */
async function checked(entry: unknown): Promise<JWK> {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry))
    throw new TypeError('a key is an object')
  // The same signature has two names, so that the curve alone says it.
  const { alg, ...rest } = entry as JWK
  const jwk: JWK = rest.crv === 'Ed25519' ? rest : (entry as JWK)
  // Keys of other kinds are not for signatures that are taken here; tokens never find them.
  const algorithm = ALGORITHMS.get(`${jwk.kty} ${jwk.crv ?? ''}`.trim())
  if (algorithm === undefined || (jwk.use ?? 'sig') !== 'sig') return jwk
  const key = await importJWK(jwk, jwk.alg ?? algorithm)
  if (!('type' in key) || key.type !== 'public') throw new TypeError('a key that is published must be public')
  return jwk
}

/** A signature of each kind of key, to try the key with. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['RSA', 'RS256'],
  ['EC P-256', 'ES256'],
  ['EC P-384', 'ES384'],
  ['EC P-521', 'ES512'],
  ['OKP Ed25519', 'EdDSA'],
])
