import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { OptionRangeError, OptionTypeError } from '../option-error.js'
import type { Client } from '../rules/client.js'
import type { MaybePromise } from '../stores/store.js'
import { type Clock, systemClock } from '../time/clock.js'

/** Finds whose a key is. Undefined: it is nobody's. */
export type KeyLookup = (digest: string) => MaybePromise<Client | undefined>

/** A key that was given out. The key itself is not kept anywhere. */
export interface ApiKey {
  /** SHA-256 of the key's UTF-8, in hexadecimal: `keyDigest(key)`. */
  readonly sha256: string
  readonly client: string
  readonly tier?: string
  /** From this moment on it is nobody's: milliseconds since the epoch. Default: never. */
  readonly expires?: number
}

/** What a key is known by. A key has 256 random bits, so that a plain hash tells nothing of it. */
export function keyDigest(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** A new key, from 256 random bits. */
export function newKey(): string {
  return `sk_${randomBytes(32).toString('base64url')}`
}

/** Whether a text has the form of the keys that `newKey` makes. */
export function isIssuedKey(text: string): boolean {
  return /^sk_[\w-]{43}$/.test(text)
}

/**
 * Looks keys up in a list.
 *
 * What is compared is the digest, which who sends a key cannot steer, and its comparison takes the same time whatever
 * it finds.
 *
 * @throws TypeError, RangeError that name the entry which is wrong, or which stands twice.
 */
export function keyTable(keys: readonly ApiKey[], clock: Pick<Clock, 'wallTime'> = systemClock): KeyLookup {
  const table = new Map<string, ApiKey & { readonly bytes: Buffer }>()
  keys.forEach((key, index) => {
    const place = `keys[${index}]`
    if (!/^[0-9a-f]{64}$/.test(key.sha256))
      throw new OptionTypeError(
        [index, 'sha256'],
        `${place}: 'sha256' is 64 hexadecimal digits in lower case`,
      )
    if (typeof key.client !== 'string' || key.client === '')
      throw new OptionTypeError([index, 'client'], `${place}: 'client' is a text such as 'acme'`)
    if (table.has(key.sha256))
      throw new OptionRangeError([index, 'sha256'], `${place}: this key is there twice`)
    table.set(key.sha256, { ...key, bytes: Buffer.from(key.sha256, 'hex') })
  })
  return (digest) => {
    const found = table.get(digest)
    if (found === undefined || !timingSafeEqual(found.bytes, Buffer.from(digest, 'hex'))) return undefined
    if (found.expires !== undefined && clock.wallTime() >= found.expires) return undefined
    return { id: found.client, ...(found.tier !== undefined && { tier: found.tier }) }
  }
}
