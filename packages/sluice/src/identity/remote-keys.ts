import { errors, type JWTVerifyGetKey } from 'jose'
import { type Clock, systemClock } from '../time/clock.js'
import { IdentityUnavailableError } from './identity-unavailable.js'
import { readKeySet } from './key-set.js'
import { UnusableKeyError } from './unusable-key.js'

/** How long the server of the keys may take, in milliseconds. */
const PATIENCE = 3_000
/** How old keys may become before they are fetched anew. */
const MAX_AGE = 600_000
/** How old they may become where that fails: nobody is locked out by an hour of somebody else's outage. */
const MAX_AGE_IN_NEED = 3_600_000
/** How long nothing is fetched after a fetch, whatever keys tokens name and whether it failed: tokens that are made up ask for nothing. */
const COOLDOWN = 30_000
/** The same where there are no keys at all, so that they are soon there. */
const COOLDOWN_WITHOUT = 1_000
/** The longest answer that is read, in bytes. */
const MAX_LENGTH = 1_048_576

/**
 * Finds the keys that tokens are signed with at a URL: fetched when they are first needed, when they have grown old, and when a token
 * names one that is not among them. There is one fetch at a time, for all who wait for it.
 *
 * It rejects with IdentityUnavailableError where the keys cannot be had, and with an error of `jose` where the token's is not among them.
 */
export function remoteKeys(url: URL, clock: Pick<Clock, 'now'> = systemClock): JWTVerifyGetKey {
  let keys: { readonly find: JWTVerifyGetKey; readonly since: number } | undefined
  let tried = Number.NEGATIVE_INFINITY
  let failure: unknown
  let underWay: Promise<void> | undefined

  const fetchNow = async () => {
    try {
      keys = { find: await readKeySet(await fetchKeys(url)), since: clock.now() }
      failure = undefined
    } catch (error) {
      failure = error
    } finally {
      tried = clock.now()
      underWay = undefined
    }
  }
  const refresh = async () => {
    const cooldown = keys === undefined ? COOLDOWN_WITHOUT : COOLDOWN
    if (underWay === undefined && clock.now() - tried < cooldown) return
    underWay ??= fetchNow()
    await underWay
  }
  const youngerThan = (age: number) =>
    keys !== undefined && clock.now() - keys.since < age ? keys.find : undefined

  return async (header, token) => {
    if (youngerThan(MAX_AGE) === undefined) {
      const refreshed = refresh()
      // Where the last fetch failed, nobody waits for the next one as long as the old keys do.
      if (failure === undefined || youngerThan(MAX_AGE_IN_NEED) === undefined) await refreshed
    }
    const find = youngerThan(MAX_AGE_IN_NEED)
    if (find === undefined) throw new IdentityUnavailableError({ cause: failure })
    try {
      return await find(header, token)
    } catch (error) {
      const isBroken = error instanceof UnusableKeyError
      if (!isBroken && !(error instanceof errors.JWKSNoMatchingKey)) throw error
      // Its issuer may have mended it, or published it since.
      await refresh()
      if (failure !== undefined && isBroken) throw error
      // It may be one of those that could not be fetched.
      if (failure !== undefined) throw new IdentityUnavailableError({ cause: failure })
      return (youngerThan(MAX_AGE) ?? find)(header, token)
    }
  }
}

async function fetchKeys(url: URL): Promise<unknown> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(PATIENCE),
    redirect: 'manual',
    headers: { accept: 'application/json, application/jwk-set+json' },
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`the keys at ${url.host} were answered with ${response.status}`)
  }
  let text = ''
  let length = 0
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > MAX_LENGTH) throw new Error(`the keys at ${url.host} are longer than ${MAX_LENGTH} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return JSON.parse(text)
}
