import { parseLimits } from 'sluice'
import { z } from 'zod'
import { concurrentExpression, costExpression, type Expression } from '../cel/expression.js'
import { made, type Read, recordOf, single, type Values } from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { duration, name, wholeNumber, yesOrNo } from '../yaml/scalars.js'
import { type ConfigNode, isText } from '../yaml/yaml-node.js'
import { readKey, reported } from './limit-key.js'

/** The words that an entry of `limits` is made of, each for itself. */

const ALGORITHMS = ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const
const ALIGNMENTS = ['first-request', 'calendar'] as const

/** What was read of them. */
export type LimitValues = Values<ReturnType<typeof limitFields>>

/** How each word of a limit is read. @param params as in `readLimit` */
export function limitFields(params: readonly string[] | undefined) {
  return {
    limit: single(z.string(), 'how many and how often, such as 10/minute or 5 per 300 seconds'),
    of: name,
    algorithm: single(z.enum(ALGORITHMS), `one of ${ALGORITHMS.join(', ')}`),
    align: single(z.enum(ALIGNMENTS), `one of ${ALIGNMENTS.join(', ')}`),
    time_zone: single(z.string().refine(isTimeZone), "an IANA name such as 'Europe/Berlin'"),
    by: (node: ConfigNode, problems: Problems) => readKey(node, params, problems),
    cost: numberOr(
      z.number().min(0).finite(),
      'a number, zero or more, or an expression that gives one',
      (source) => costExpression(source, params),
    ),
    concurrent: numberOr(
      z.int().min(1),
      'a whole number from 1 on, or an expression that gives one',
      (source) => concurrentExpression(source, params),
    ),
    lease: duration(),
    enforce: yesOrNo,
    name,
    fallback_cost: single(z.number().min(0).finite(), 'a number, zero or more'),
    tiers: recordOf(tierLimit, 'a map such as { free: 1, premium: 100/minute }', 1000),
    wait: duration(),
    queue: wholeNumber(1, 10_000),
  }
}

const tierLimit: Read<number | string> = made(
  single(
    z.union([z.number(), z.string()]),
    'how many times the limit, a limit such as 100/minute, or unlimited',
  ),
  (said) => {
    if (typeof said === 'string' && said !== 'unlimited') parseLimits(said)
    return said
  },
)

/** How many times a limit a tier has, or `unlimited`. */
export const multiplier: Read<number | 'unlimited'> = single(
  z.union([z.number().gt(0).max(1e6), z.literal('unlimited')]),
  'a number, more than zero and at most a million, or unlimited',
)

function numberOr(
  number: z.ZodType<number>,
  wanted: string,
  compile: (source: string) => Parameters<typeof reported<number>>[1],
): Read<number | Expression<number>> {
  const readNumber = single(number, wanted)
  return (node, problems) =>
    isText(node) ? reported(node, compile(node.value), problems) : readNumber(node, problems)
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}
