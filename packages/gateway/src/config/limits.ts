import { createLimiter, type KeySources, parseLimits, type Rule, type Tiers } from 'sluice'
import { z } from 'zod'
import type { GatewayRequest } from '../policy/gateway-request.js'
import { concurrentExpression, costExpression, type Expression } from './cel/expression.js'
import { readKey, reported } from './key-words.js'
import { checkCost, readLimitText } from './limit-text.js'
import type { ConfigNode, ScalarNode } from './yaml/node.js'
import type { Problems } from './yaml/problems.js'
import { made, mapOf, type Read, recordOf, single, type Values } from './yaml/reading.js'
import { duration, name, wholeNumber, yesOrNo } from './yaml/scalars.js'

/** Limits of a route: each an entry of `limits`, a limit text or a map. */

const ALGORITHMS = ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-log'] as const
const ALIGNMENTS = ['first-request', 'calendar'] as const

/** What goes with one of the two kinds of limit only. */
const OF_RATE = ['of', 'algorithm', 'align', 'time_zone'] as const
const OF_CONCURRENCY = ['lease', 'wait', 'queue'] as const

/** A limit that was read, with its place. */
export interface ReadRule {
  readonly rule: Rule<GatewayRequest>
  readonly node: ConfigNode
}

/**
 * Reads an entry of `limits`.
 *
 * @param params names of the route's parameters; undefined where they are not known
 */
export function readLimit(params: readonly string[] | undefined): Read<ReadRule> {
  const shape = shapeFor(params)
  const readFields = mapOf(shape, 'a limit such as 10/minute, or a map such as { limit: 10/minute, by: ip }')
  return (node, problems) => {
    const before = problems.count
    const values: LimitValues | undefined = isText(node) ? { limit: node.value } : readFields(node, problems)
    if (values === undefined) return undefined
    const at = (key: string) => (node.kind === 'map' ? (node.entries.get(key)?.value ?? node) : node)
    const written = new Set(node.kind === 'map' ? node.entries.keys() : ['limit'])
    checkKind(node, written, at, problems)
    if (written.has('limit')) readLimitText(values, at, problems)
    checkCost(values, at, problems)
    if (problems.count > before) return undefined

    const {
      limit,
      of,
      algorithm,
      align,
      time_zone: timeZone,
      by,
      cost,
      concurrent,
      lease,
      enforce,
      name,
      tiers,
      fallback_cost: fallbackCost,
      wait,
      queue,
    } = values
    const shared = {
      ...(by !== undefined && { by }),
      ...(cost !== undefined && { cost }),
      ...(enforce !== undefined && { enforce }),
      ...(name !== undefined && { name }),
      ...(fallbackCost !== undefined && { fallbackCost }),
      ...(tiers !== undefined && { tiers: tiers as Tiers<never> }),
    }
    const rule: Rule<GatewayRequest> =
      concurrent === undefined
        ? {
            limit: limit ?? '',
            ...(of !== undefined && { of }),
            ...(algorithm !== undefined && { algorithm }),
            ...(align !== undefined && { align }),
            ...(timeZone !== undefined && { timeZone }),
            ...shared,
          }
        : {
            concurrent,
            ...(lease !== undefined && { lease }),
            ...(wait !== undefined && { wait }),
            ...(queue !== undefined && { queue }),
            ...shared,
          }
    const refusal = refusalOf([rule])
    if (refusal === undefined) return { rule, node }
    problems.at(at(fieldOf(refusal, written)), refusal)
    return undefined
  }
}

/** What the library says against these rules; undefined where it takes them. */
export function refusalOf(rules: readonly Rule<GatewayRequest>[]): string | undefined {
  try {
    createLimiter({ rules, keys: NO_KEYS, client: ({ client }) => client }).close()
    return undefined
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const message = error.message.replace(/^rules\[\d+\]: /, '')
    return message.replaceAll('timeZone', 'time_zone').replaceAll('fallbackCost', 'fallback_cost')
  }
}

/** Whether one of the rules reads the body. */
export function readsBody(rules: readonly Rule<GatewayRequest>[]): boolean {
  return rules.flatMap(expressionsOf).some((expression) => expression.readsBody)
}

function expressionsOf(rule: Rule<GatewayRequest>): Expression<unknown>[] {
  const values: readonly unknown[] = [rule.cost, 'concurrent' in rule && rule.concurrent, rule.by].flat()
  return values.filter(
    (value): value is Expression<unknown> => typeof value === 'function' && 'readsBody' in value,
  )
}

type LimitValues = Values<ReturnType<typeof shapeFor>>

function shapeFor(params: readonly string[] | undefined) {
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
  single(z.union([z.number(), z.string()]), 'how many times the limit, or a limit such as 100/minute'),
  (said) => {
    if (typeof said === 'string') parseLimits(said)
    return said
  },
)

/** How many times a limit a tier has. */
export const multiplier: Read<number> = single(
  z.number().gt(0).max(1e6),
  'a number, more than zero and at most a million',
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

function isText(node: ConfigNode): node is ScalarNode & { readonly value: string } {
  return node.kind === 'scalar' && typeof node.value === 'string'
}

/** A limit is over time or of what is in flight, and each has words of its own. */
function checkKind(
  node: ConfigNode,
  written: ReadonlySet<string>,
  at: (key: string) => ConfigNode,
  problems: Problems,
): void {
  const overTime = written.has('limit')
  const inFlight = written.has('concurrent')
  if (overTime && inFlight) {
    problems.at(at('concurrent'), "'limit' and 'concurrent' are two limits; write an entry for each")
  } else if (!overTime && !inFlight) {
    problems.at(node, "a limit has a 'limit', such as 10/minute, or a number 'concurrent'")
  } else {
    const [kind, misfits] = overTime ? ['concurrent', OF_CONCURRENCY] : ['limit', OF_RATE]
    for (const key of misfits) {
      if (written.has(key)) {
        problems.at(at(key), `'${key}' goes with '${kind}', which this limit does not have`)
      }
    }
  }
}

/** The key that the library's words are about: the first that they quote. */
function fieldOf(message: string, written: ReadonlySet<string>): string {
  for (const [, word = ''] of message.matchAll(/'(\w+)'/g)) if (written.has(word)) return word
  if (/^tier '|by tier/.test(message)) return 'tiers'
  if (message.includes('in flight')) return 'of'
  return written.has('limit') ? 'limit' : 'concurrent'
}

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone }) !== undefined
  } catch {
    return false
  }
}

/** The rules are made to be looked at and are never asked, so that nothing is read with these. */
const NO_KEYS: KeySources<GatewayRequest> = {
  ip: ({ ip }) => ip,
  route: ({ route }) => route,
  header: ({ headers }, header) => headers[header],
}
