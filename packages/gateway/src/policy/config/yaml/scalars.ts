import { parseDuration } from 'sluice'
import { z } from 'zod'
import { made, type Read, single } from './decoders.js'
import { parseSize } from './sizes.js'
import { described, isText } from './yaml-node.js'

/** Values that several parts of the file are made of. */

/** @param example one that would do */
export function text(example: string): Read<string> {
  return (node, problems) => {
    if (isText(node)) return node.value
    problems.at(node, `${node.label} is a text, not ${described(node)}; write for example ${example}`)
    return undefined
  }
}

export const yesOrNo: Read<boolean> = single(z.boolean(), 'true or false')

/** Timers cannot wait for longer; in milliseconds. */
const MAX_WAIT = 24 * 86_400_000

/** A length of time, in whole milliseconds. */
export const wait: Read<number> = made(duration(), (milliseconds) => {
  if (milliseconds > MAX_WAIT)
    throw new RangeError('nothing here can wait for longer than 24 days; write less')
  return Math.ceil(milliseconds)
})

/** A length of time, in milliseconds. */
export function duration(): Read<number> {
  return made(
    single(z.string(), 'a length of time with its unit, such as 5s, 250ms or 2 minutes'),
    parseDuration,
  )
}

/** Bytes: at least 1, and no more than can be parsed as JSON in a moment. */
export const size: Read<number> = made(
  single(z.union([z.string(), z.number()]), 'a size such as 1MiB, 512KiB or 65536'),
  (value) => {
    const bytes = parseSize(value)
    if (bytes < 1 || bytes > MAX_SIZE)
      throw new RangeError('a body that is read has from 1 byte to 256MiB; write for example 1MiB')
    return bytes
  },
)

const MAX_SIZE = 256 * 2 ** 20

/** Bytes of something else than a body, within bounds. */
export function sizeFrom(least: number, most: number): Read<number> {
  return made(
    single(z.union([z.string(), z.number()]), 'a size such as 256MiB, 1GiB or 1048576'),
    (value) => {
      const bytes = parseSize(value)
      if (bytes < least || bytes > most)
        throw new RangeError(
          `'${value}' is out of range; write a size from ${least} to ${most} bytes, such as 256MiB`,
        )
      return bytes
    },
  )
}

/** A whole number, which may be written `1_000_000`. */
export function wholeNumber(least: number, most: number): Read<number> {
  const written = z
    .string()
    .regex(/^\d{1,3}(_?\d{3})*$/)
    .transform((digits) => Number(digits.replaceAll('_', '')))
  const number = z.union([z.number(), written]).pipe(z.int().min(least).max(most))
  return single(number, `a whole number from ${least} to ${most}`)
}

/** A name as refusals and metrics show it. */
export const name: Read<string> = single(
  z.string().regex(/^[\x20-\x7e]{1,64}$/),
  '1 to 64 printable ASCII characters, in quotes where they are a number',
)
