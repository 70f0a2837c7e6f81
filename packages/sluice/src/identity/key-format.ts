import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const PREFIX = 'sluice_'
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 62^43 is just above 2^256. */
const RANDOM_LENGTH = 43
/** 62^6 is above 2^32. */
const CHECKSUM_LENGTH = 6

/** Matches keys with a checksum, right or wrong. Secret scanners can search for it. */
const FORMAT = /^sluice_[0-9A-Za-z]{49}$/
/** The format up to version 0.2. */
const EARLIER_FORMAT = /^sk_[\w-]{43}$/

/** Minimum length of a string that is taken for a mistyped key rather than for a key of another kind. */
const MIN_MISTYPED_LENGTH = 40

/**
 * Generates a key: `sluice_`, 256 random bits in 43 characters, and the CRC-32 of all that in 6
 * characters. The characters are letters and digits, so that a double click selects the key.
 */
export function newKey(): string {
  const random = BigInt(`0x${randomBytes(32).toString('hex')}`)
  const body = `${PREFIX}${base62(random, RANDOM_LENGTH)}`
  return `${body}${checksumOf(body)}`
}

/** Reports whether a string has the format of the keys that `newKey` generates or used to generate. */
export function isIssuedKey(key: string): boolean {
  return EARLIER_FORMAT.test(key) || FORMAT.test(key)
}

/**
 * Reports whether a string is a key of `newKey` with a typing error. A wrong character is always
 * found, and other errors are missed once in 2^32.
 */
export function isMistypedKey(key: string): boolean {
  if (!key.startsWith(PREFIX) || key.length < MIN_MISTYPED_LENGTH) return false
  const body = key.slice(0, -CHECKSUM_LENGTH)
  return !FORMAT.test(key) || key.slice(-CHECKSUM_LENGTH) !== checksumOf(body)
}

function checksumOf(body: string): string {
  return base62(BigInt(crc32(body)), CHECKSUM_LENGTH)
}

function base62(value: bigint, length: number): string {
  let digits = ''
  for (let rest = value; digits.length < length; rest /= 62n) digits = DIGITS[Number(rest % 62n)] + digits
  return digits
}
