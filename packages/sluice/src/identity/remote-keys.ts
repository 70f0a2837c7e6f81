import { errors, type JWTVerifyGetKey } from 'jose'
import { type Clock, systemClock } from '../time/clock.js'
import { IdentityUnavailableError } from './identity-unavailable.js'
import { readKeySet } from './key-set.js'
import { UnusableKeyError } from './unusable-key.js'

/** Timeout for fetching the keys, in milliseconds. */
const FETCH_TIMEOUT_MS = 3_000
/** Age at which keys are fetched again, in milliseconds. */
const MAX_AGE_MS = 600_000
/**
 * Maximum age of keys in use while fetching fails, in milliseconds. Tokens can still be verified
 * during an issuer outage of up to an hour.
 */
const MAX_STALE_AGE_MS = 3_600_000
/**
 * Minimum time between fetches, including failed ones, in milliseconds. It bounds the fetches that
 * tokens with made-up key IDs can cause.
 */
const COOLDOWN_MS = 30_000
/** Minimum time between fetches while no keys are known, in milliseconds. */
const INITIAL_COOLDOWN_MS = 1_000
/** Maximum size of the response, in bytes. */
const MAX_BYTES = 1_048_576

/**
 * Creates a function that finds the keys of tokens in the key set at a URL. The set is fetched on
 * first use, when it is too old, and when a token names an unknown key. Concurrent requests share
 * one fetch.
 *
 * The function rejects with IdentityUnavailableError if the keys are unavailable, and with a `jose`
 * error if the set does not contain the token's key.
 */
export function remoteKeys(url: URL, clock: Pick<Clock, 'now'> = systemClock): JWTVerifyGetKey {
  let keys: { readonly find: JWTVerifyGetKey; readonly since: number } | undefined
  let lastFetch = Number.NEGATIVE_INFINITY
  let failure: unknown
  let pendingFetch: Promise<void> | undefined

  const fetchNow = async () => {
    try {
      keys = { find: await readKeySet(await fetchKeys(url)), since: clock.now() }
      failure = undefined
    } catch (error) {
      failure = error
    } finally {
      lastFetch = clock.now()
      pendingFetch = undefined
    }
  }
  const refresh = async () => {
    const cooldown = keys === undefined ? INITIAL_COOLDOWN_MS : COOLDOWN_MS
    if (pendingFetch === undefined && clock.now() - lastFetch < cooldown) return
    pendingFetch ??= fetchNow()
    await pendingFetch
  }
  const youngerThan = (age: number) =>
    keys !== undefined && clock.now() - keys.since < age ? keys.find : undefined

  return async (header, token) => {
    if (youngerThan(MAX_AGE_MS) === undefined) {
      const refreshed = refresh()
      // After a failed fetch, requests do not wait for the next fetch while the old keys are
      // usable.
      if (failure === undefined || youngerThan(MAX_STALE_AGE_MS) === undefined) await refreshed
    }
    const find = youngerThan(MAX_STALE_AGE_MS)
    if (find === undefined) throw new IdentityUnavailableError({ cause: failure })
    try {
      return await find(header, token)
    } catch (error) {
      const isUnusable = error instanceof UnusableKeyError
      if (!isUnusable && !(error instanceof errors.JWKSNoMatchingKey)) throw error
      // The issuer may have repaired or published the key since the last fetch.
      await refresh()
      if (failure !== undefined && isUnusable) throw error
      // The key may be among those that could not be fetched.
      if (failure !== undefined) throw new IdentityUnavailableError({ cause: failure })
      return (youngerThan(MAX_AGE_MS) ?? find)(header, token)
    }
  }
}

async function fetchKeys(url: URL): Promise<unknown> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    redirect: 'manual',
    headers: { accept: 'application/json, application/jwk-set+json' },
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`fetching the keys from ${url.host} failed with status ${response.status}`)
  }
  let text = ''
  let length = 0
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > MAX_BYTES) throw new Error(`the keys from ${url.host} are larger than ${MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return JSON.parse(text)
}
