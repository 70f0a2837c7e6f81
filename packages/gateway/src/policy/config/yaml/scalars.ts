import { parseDuration } from 'sluice'
import { z } from 'zod'
import { type Decoder, scalar, transform } from './decoders.js'
import { parseSize } from './sizes.js'
import { isString, mismatch } from './yaml-node.js'

/** Decodes a string. @param example a valid value, for messages */
export function string(example: string): Decoder<string> {
  return (node, problems) => {
    if (isString(node)) return node.value
    problems.at(node, `${mismatch(node, 'a string')}; write, for example, ${example}`)
    return undefined
  }
}

/** A plain `off` is a string in YAML 1.2, but operators also write `false`. */
export const off = [z.literal('off'), z.literal(false)] as const

export type Off = 'off' | false

export function isOff(value: unknown): value is Off {
  return value === 'off' || value === false
}

export const boolean: Decoder<boolean> = scalar(z.boolean(), 'true or false')

/** Maximum timeout, in milliseconds. Node timers overflow after 2^31 ms. */
const MAX_TIMEOUT_MS = 24 * 86_400_000

/** Decodes a duration that a timer can wait for, in whole milliseconds. */
export const timeout: Decoder<number> = transform(duration(), (milliseconds) => {
  if (milliseconds > MAX_TIMEOUT_MS)
    throw new RangeError('a timeout must be at most 24 days; write a shorter one')
  return Math.ceil(milliseconds)
})

/** Decodes a duration as `timeout` does, or `0`, `0s` and so on. */
export const timeoutOrZero: Decoder<number> = (node, problems) => {
  const isZero = node.kind === 'scalar' && /^0\s*[a-z]*$/i.test(String(node.value))
  return isZero ? 0 : timeout(node, problems)
}

/** Decodes a duration, in milliseconds. */
export function duration(): Decoder<number> {
  return transform(
    scalar(z.string(), 'a duration with a unit, such as 5s, 250ms or 2 minutes'),
    parseDuration,
  )
}

/** Decodes a DNS name, in lower case. */
export const hostName: Decoder<string> = scalar(
  z
    .string()
    .regex(/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i)
    .transform((name) => name.toLowerCase()),
  'a host name without a port, such as sluice.example',
)

/** Maximum size of a body that is parsed, in bytes. Parsing blocks all other requests. */
const MAX_BODY_SIZE = 256 * 2 ** 20

/** Decodes the size of a request body, in bytes. */
export const bodySize: Decoder<number> = sizeBetween(1, MAX_BODY_SIZE, '1 byte to 256MiB', '1MiB')

/**
 * Decodes a size from `min` to `max` bytes.
 *
 * @param range the bounds, for messages
 * @param example a valid size, for messages
 */
export function sizeBetween(min: number, max: number, range: string, example: string): Decoder<number> {
  return transform(
    scalar(z.union([z.string(), z.number()]), `a size from ${range}, such as ${example}`),
    (value) => {
      const bytes = parseSize(value)
      if (bytes < min || bytes > max)
        throw new RangeError(`'${value}' is out of range; write a size from ${range}, such as ${example}`)
      return bytes
    },
  )
}

/** Decodes a whole number from `min` to `max`, which may be written as `1_000_000`. */
export function integer(min: number, max: number): Decoder<number> {
  const withUnderscores = z
    .string()
    .regex(/^\d{1,3}(_?\d{3})*$/)
    .transform((digits) => Number(digits.replaceAll('_', '')))
  const number = z.union([z.number(), withUnderscores]).pipe(z.int().min(min).max(max))
  return scalar(number, `a whole number from ${min} to ${max}`)
}

/** Decodes a name that appears in responses and metrics. */
export const name: Decoder<string> = scalar(
  z.string().regex(/^[\x20-\x7e]{1,64}$/),
  '1 to 64 printable ASCII characters, in quotes if it is a number',
)
