import { type Clock, systemClock } from '../clock.js'
import { type Client, checkClient } from '../policy/client.js'
import type { KeyLookup } from './api-keys.js'

export interface CacheOptions {
  /** How long an answer is believed, in milliseconds: a key that was taken back works so much longer. Default 60,000. */
  readonly maxAge?: number
  /** As `maxAge`, for keys that are nobody's. Default 5,000. */
  readonly unknownMaxAge?: number
  /** Answers that are kept; the one that was asked for longest ago makes room. Default 10,000. */
  readonly maxKeys?: number
  readonly clock?: Pick<Clock, 'now'>
}

interface Remembered {
  readonly client: Client | undefined
  readonly until: number
}

/**
 * Remembers whose a key is, so that a database is not asked at each request. Requests that ask for the same key at the
 * same time wait for one answer. An error is passed on to all of them and not remembered.
 *
 * @param lookup asked with the key's SHA-256 in hexadecimal, which is what a database should keep
 * @throws RangeError for options out of range.
 */
export function cachedLookup(
  lookup: (digest: string) => Promise<Client | string | undefined | null>,
  options: CacheOptions = {},
): KeyLookup {
  const { maxAge = 60_000, unknownMaxAge = 5_000, maxKeys = 10_000, clock = systemClock } = options
  for (const [name, value] of Object.entries({ maxAge, unknownMaxAge, maxKeys })) {
    if (!Number.isFinite(value) || value < (name === 'maxKeys' ? 1 : 0))
      throw new RangeError(`'${name}' is out of range: ${value}`)
  }
  const remembered = new Map<string, Remembered>()
  const asked = new Map<string, Promise<Client | undefined>>()

  const remember = (digest: string, answer: Remembered) => {
    // A Map keeps the order of insertion, so that the first is always the one that was asked for longest ago.
    remembered.delete(digest)
    remembered.set(digest, answer)
    const [oldest] = remembered.keys()
    if (remembered.size > maxKeys && oldest !== undefined) remembered.delete(oldest)
  }
  const ask = async (digest: string): Promise<Client | undefined> => {
    const found = await lookup(digest)
    const client = found === undefined || found === null ? undefined : checkClient(found)
    remember(digest, { client, until: clock.now() + (client === undefined ? unknownMaxAge : maxAge) })
    return client
  }

  return (digest) => {
    const known = remembered.get(digest)
    if (known !== undefined && clock.now() < known.until) {
      remember(digest, known)
      return known.client
    }
    const underWay = asked.get(digest)
    if (underWay !== undefined) return underWay
    const answer = ask(digest)
    asked.set(digest, answer)
    const answered = () => asked.delete(digest)
    answer.then(answered, answered)
    return answer
  }
}
