import { createHash, timingSafeEqual } from 'node:crypto'
import { OptionRangeError, OptionTypeError, relocate } from '../option-error.js'
import type { Client } from '../rules/client.js'
import { checkLabels, type Labels } from '../rules/labels.js'
import type { MaybePromise } from '../stores/store.js'
import { type Clock, systemClock } from '../time/clock.js'

/**
 * Looks up the client that a key belongs to, by the digest of the key. Returns undefined for an
 * unknown key.
 */
export type KeyLookup = (digest: string) => MaybePromise<Client | undefined>

/** An issued key. The key itself is never stored. */
export interface ApiKey {
  /** SHA-256 of the UTF-8 encoded key, in hexadecimal: `keyDigest(key)`. */
  readonly sha256: string
  readonly client: string
  readonly tier?: string
  /** The labels of the client. */
  readonly labels?: Labels
  /**
   * Expiry in milliseconds since the epoch. An expired key is treated as unknown. Default: never.
   */
  readonly expires?: number
}

/**
 * Returns the digest that identifies a key. A key has 256 random bits, so an unsalted hash reveals
 * nothing.
 */
export function keyDigest(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/**
 * Creates a lookup of keys in a list.
 *
 * It compares digests in constant time. Clients cannot choose the digests of the keys they send.
 *
 * @throws TypeError, RangeError for an invalid or duplicate entry; the message names the entry
 */
export function keyTable(keys: readonly ApiKey[], clock: Pick<Clock, 'wallTime'> = systemClock): KeyLookup {
  const table = new Map<string, StoredKey>()
  keys.forEach((key, index) => {
    const entry = `keys[${index}]`
    if (!/^[0-9a-f]{64}$/.test(key.sha256))
      throw new OptionTypeError(
        [index, 'sha256'],
        `${entry}: 'sha256' must be 64 lowercase hexadecimal digits`,
      )
    if (typeof key.client !== 'string' || key.client === '')
      throw new OptionTypeError([index, 'client'], `${entry}: 'client' must be a string such as 'acme'`)
    if (table.has(key.sha256)) throw new OptionRangeError([index, 'sha256'], `${entry}: duplicate key`)
    const { client: id, tier, labels } = key
    const client = {
      id,
      ...(tier !== undefined && { tier }),
      ...(labels !== undefined && { labels: labelsOf(labels, index) }),
    }
    table.set(key.sha256, { client, expires: key.expires, bytes: Buffer.from(key.sha256, 'hex') })
  })
  return (digest) => {
    const found = table.get(digest)
    if (found === undefined || !timingSafeEqual(found.bytes, Buffer.from(digest, 'hex'))) return undefined
    if (found.expires !== undefined && clock.wallTime() >= found.expires) return undefined
    return found.client
  }
}

interface StoredKey {
  readonly client: Client
  readonly expires: number | undefined
  readonly bytes: Buffer
}

function labelsOf(labels: Labels, index: number): Labels {
  try {
    return relocate(
      () => checkLabels(labels),
      (path) => [index, ...path],
    )
  } catch (error) {
    if (error instanceof Error) error.message = `keys[${index}]: ${error.message}`
    throw error
  }
}
