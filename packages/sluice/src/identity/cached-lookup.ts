import { OptionRangeError, unknownOption } from '../option-error.js'
import { type Client, checkClient } from '../rules/client.js'
import { type Clock, systemClock } from '../time/clock.js'
import { systemTimers } from '../time/timers.js'
import type { KeyLookup } from './api-keys.js'
import { IdentityUnavailableError } from './identity-unavailable.js'

export interface CacheOptions {
  /** How long an answer is believed, in milliseconds: a key that was taken back works so much longer. Default 60,000. */
  readonly maxAge?: number
  /** As `maxAge`, for keys that are nobody's. Default 5,000. */
  readonly unknownMaxAge?: number
  /**
   * Known keys that are kept, and as many unknown ones beside them; of each, the one that was asked for longest ago makes room. Whoever
   * makes up keys displaces no good ones. Default 10,000.
   */
  readonly maxKeys?: number
  /** How long the lookup may take, in milliseconds; it is not waited for longer. Default 2,000. */
  readonly timeout?: number
  readonly clock?: Pick<Clock, 'now'>
}

/**
 * Remembers whose a key is, so that a database is not asked at each request. Requests that ask for the same key at the
 * same time wait for one answer. Where the lookup fails, or takes too long, all of them are refused with IdentityUnavailableError (503),
 * and that is not remembered.
 *
 * @param lookup asked with the key's SHA-256 in hexadecimal, which is what a database should keep
 * @throws TypeError, RangeError for options that are unknown or out of range.
 */
export function cachedLookup(
  lookup: (digest: string) => Promise<Client | string | undefined | null>,
  options: CacheOptions = {},
): KeyLookup {
  const { maxAge, unknownMaxAge, maxKeys, timeout, clock } = readOptions(options)
  const known = new Recent<Client>(maxKeys, maxAge, clock)
  const unknown = new Recent<true>(maxKeys, unknownMaxAge, clock)
  const asked = new Map<string, Promise<Client | undefined>>()

  const ask = async (digest: string): Promise<Client | undefined> => {
    let found: Awaited<ReturnType<typeof lookup>>
    try {
      found = await inTime(lookup(digest), timeout)
    } catch (cause) {
      throw new IdentityUnavailableError({ cause })
    }
    if (found === undefined || found === null) {
      unknown.add(digest, true)
      return undefined
    }
    const client = checkClient(found)
    known.add(digest, client)
    return client
  }

  return (digest) => {
    const client = known.get(digest)
    if (client !== undefined) return client
    if (unknown.get(digest)) return undefined
    const underWay = asked.get(digest)
    if (underWay !== undefined) return underWay
    const answer = ask(digest)
    asked.set(digest, answer)
    const answered = () => asked.delete(digest)
    answer.then(answered, answered)
    return answer
  }
}

const DEFAULTS = { maxAge: 60_000, unknownMaxAge: 5_000, maxKeys: 10_000, timeout: 2_000 }
const OPTIONS = [...Object.keys(DEFAULTS), 'clock']

function readOptions(options: CacheOptions): Required<CacheOptions> {
  const { clock = systemClock, ...numbers } = options
  const read = { ...DEFAULTS, ...numbers }
  for (const [name, value] of Object.entries(read)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw unknownOption('a cached lookup', name, OPTIONS)
    if (!Number.isFinite(value) || value < (name.endsWith('Age') ? 0 : 1))
      throw new OptionRangeError([name], `'${name}' is out of range: ${value}`)
  }
  return { ...read, clock }
}

/** What was asked for of late: so much of it, and so long. */
class Recent<Value> {
  readonly #most: number
  readonly #age: number
  readonly #clock: Pick<Clock, 'now'>
  readonly #entries = new Map<string, { readonly value: Value; readonly until: number }>()

  constructor(most: number, age: number, clock: Pick<Clock, 'now'>) {
    this.#most = most
    this.#age = age
    this.#clock = clock
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    // A Map keeps the order of insertion, so that the first is always the one that was asked for longest ago.
    this.#entries.delete(key)
    if (this.#clock.now() >= entry.until) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  add(key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#clock.now() + this.#age })
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > this.#most && oldest !== undefined) this.#entries.delete(oldest)
  }
}

/** @returns what the promise gives; it rejects where that takes longer. */
function inTime<Value>(promise: Promise<Value>, milliseconds: number): Promise<Value> {
  return new Promise((resolve, reject) => {
    const late = systemTimers.start(
      () => reject(new Error(`no answer within ${milliseconds} ms`)),
      milliseconds,
    )
    promise.then(resolve, reject).finally(() => systemTimers.stop(late))
  })
}
