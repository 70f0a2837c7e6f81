import { type AutomaticOptions, type ClassOptions, parseLimits } from 'sluice'
import { z } from 'zod'
import { concurrentExpression, costExpression, type Expression, whenExpression } from '../cel/expression.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import { isTimeZone } from '../cel/time-functions.js'
import {
  type Decoder,
  listOf,
  mapOf,
  oneOrListOf,
  recordOf,
  scalar,
  transform,
  type Values,
  withKeysOf,
} from '../yaml/decoders.js'
import type { Problems } from '../yaml/diagnostics.js'
import { boolean, duration, integer, name, string } from '../yaml/scalars.js'
import { type ConfigNode, isString } from '../yaml/yaml-node.js'
import { decodeKey, reported } from './limit-key.js'

const ALGORITHMS = ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Decodes the name of an algorithm. */
export const decodeAlgorithm: Decoder<Algorithm> = scalar(
  z.enum(ALGORITHMS),
  `one of ${ALGORITHMS.join(', ')}`,
)

const ALIGNMENTS = ['first-request', 'calendar'] as const

/** The decoded keys of an entry of `limits`. */
export type LimitValues = Values<ReturnType<typeof limitShape>>

/**
 * The keys of an entry of `limits`.
 *
 * @param scope the names that expressions may use
 */
export function limitShape(scope: ExpressionScope) {
  return {
    limit: scalar(
      z.string(),
      'a number per period, such as 10/minute or 5 per 300 seconds, or an expression that returns one',
    ),
    of: name,
    algorithm: decodeAlgorithm,
    align: scalar(z.enum(ALIGNMENTS), `one of ${ALIGNMENTS.join(', ')}`),
    time_zone: scalar(z.string().refine(isTimeZone), "an IANA time zone such as 'Europe/Berlin'"),
    by: (node: ConfigNode, problems: Problems) => decodeKey(node, scope, problems),
    cost: numberOr(
      z.number().min(0).finite(),
      'a number, zero or more, or an expression that returns one',
      (source) => costExpression(source, scope),
    ),
    concurrent: concurrent(scope),
    lease: duration(),
    fair: (node: ConfigNode, problems: Problems) => decodeKey(node, scope, problems),
    weights: recordOf(
      scalar(z.number().gt(0).max(1e6), 'a number, more than zero and at most a million'),
      'a map such as { free: 1, premium: 4 }',
      1000,
    ),
    class: string("\"client.tier == 'batch' ? 'batch' : 'interactive'\""),
    classes: listOf(classEntry, CLASSES_EXPECTED, MAX_CLASSES),
    first_token: duration(),
    when: (node: ConfigNode, problems: Problems) => decodeWhen(node, scope, problems),
    enforce: boolean,
    visible: boolean,
    name,
    shared: name,
    fallback_cost: scalar(z.number().min(0).finite(), 'a number, zero or more'),
    tiers: recordOf(tierLimit, 'a map such as { free: 1, premium: 100/minute }', 1000),
    wait: duration(),
    queue: integer(1, 10_000),
    penalty: duration(),
    penalty_growth: scalar(z.number().gt(1).max(100), 'a number greater than 1 and at most 100'),
    penalty_max: duration(),
    warn: oneOrListOf(threshold, "a list of thresholds such as ['80%', '95%']", 10),
    soft: boolean,
    reserve: scalar(z.literal('stated'), 'stated'),
  }
}

const MAX_CLASSES = 16
const CLASSES_EXPECTED = 'a list of classes such as [interactive, { batch: { floor: 5% } }]'
const part: Decoder<number | string> = scalar(z.union([z.number(), z.string()]), 'a part such as 5% or 0.05')
const classOptions = recordOf(
  mapOf({ floor: part, slots: part }, 'a map such as { floor: 5% }'),
  'a class such as batch, or a map such as { batch: { floor: 5% } }',
  1,
)
const classEntry: Decoder<string | Readonly<Record<string, ClassOptions>>> = withKeysOf(
  classOptions,
  (node, problems) => (isString(node) ? node.value : classOptions(node, problems)),
)

/** The keys of `concurrent: { auto: … }`. */
const AUTOMATIC = mapOf(
  {
    auto: mapOf(
      {
        max: integer(1, 1_000_000),
        replicas: integer(1, 1024),
        gap: duration(),
        keep: scalar(z.enum(['latency', 'throughput']), 'latency or throughput'),
        hidden: boolean,
        metrics: string('http://localhost:8000/metrics'),
      },
      'a map such as { max: 512, replicas: 4 }',
    ),
  },
  'a map such as { auto: { max: 512, replicas: 4 } }',
)

/** Decodes a number of slots, an expression that returns one, or `auto`. */
function concurrent(
  scope: ExpressionScope,
): Decoder<number | Expression<number> | 'auto' | { readonly auto: AutomaticOptions }> {
  const decodeNumber = numberOr(
    z.int().min(1),
    'a whole number of at least 1, auto, or an expression that returns a number',
    (source) => concurrentExpression(source, scope),
  )
  return withKeysOf(AUTOMATIC, (node, problems) => {
    if (isString(node) && node.value === 'auto') return 'auto'
    if (node.kind !== 'map') return decodeNumber(node, problems)
    const values = AUTOMATIC(node, problems)
    if (values === undefined) return undefined
    if (values.auto !== undefined) return { auto: values.auto }
    if (!node.entries.has('auto'))
      problems.at(node, "'concurrent' requires 'auto', such as { auto: { max: 512 } }")
    return undefined
  })
}

function decodeWhen(
  node: ConfigNode,
  scope: ExpressionScope,
  problems: Problems,
): Expression<boolean> | undefined {
  const source = string('"client.tier == \'free\'"')(node, problems)
  return source === undefined ? undefined : reported(node, whenExpression(source, scope), problems)
}

const threshold: Decoder<string | number> = scalar(
  z.union([z.number(), z.string()]),
  "a percentage of the limit such as '80%'",
)

const tierLimit: Decoder<number | string> = transform(
  scalar(
    z.union([z.number(), z.string()]),
    'a multiplier of the limit, a limit such as 100/minute, or unlimited',
  ),
  (value) => {
    if (typeof value === 'string' && value !== 'unlimited') parseLimits(value)
    return value
  },
)

/** Decodes the multiplier of a tier's limits. */
export const multiplier: Decoder<number | 'unlimited'> = scalar(
  z.union([z.number().gt(0).max(1e6), z.literal('unlimited')]),
  'a number, more than zero and at most a million, or unlimited',
)

function numberOr(
  number: z.ZodType<number>,
  expected: string,
  compile: (source: string) => Parameters<typeof reported<number>>[1],
): Decoder<number | Expression<number>> {
  const decodeNumber = scalar(number, expected)
  return (node, problems) =>
    isString(node) ? reported(node, compile(node.value), problems) : decodeNumber(node, problems)
}
