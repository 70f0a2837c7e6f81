import { type Counting, formatMoney, isOptionError, type Limit, LimitSyntaxError, parseLimits } from 'sluice'
import { MONEY } from 'sluice/internal'
import { VARIABLES } from '../cel/cel-language.js'
import { type Expression, limitExpression } from '../cel/expression.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import type { ExpressionProblem } from '../cel/static-analysis.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ConfigNode, entryOf, isString } from '../yaml/yaml-node.js'
import { reported } from './limit-key.js'
import { messageOf, yamlKeyOf } from './option-errors.js'

/**
 * The decoded keys of a limit that determine how its limit string is parsed and what a request
 * costs.
 */
interface LimitStringValues {
  readonly limit?: unknown
  readonly of?: string | undefined
  readonly algorithm?: Counting['algorithm'] | undefined
  readonly align?: Counting['align'] | undefined
  readonly time_zone?: string | undefined
  readonly cost?: unknown
  readonly concurrent?: unknown
}

/** Parses a limit string together with the keys that qualify it. @throws as `parseLimits` does */
export function limitsOf({ limit, algorithm, align, time_zone: timeZone }: LimitStringValues): Limit[] {
  return parseLimits(String(limit ?? ''), {
    ...(algorithm !== undefined && { algorithm }),
    ...(align !== undefined && { align }),
    ...(timeZone !== undefined && { timeZone }),
  })
}

/**
 * Reports an invalid limit string at the invalid character, and an incompatible key at that key.
 */
export function checkLimitString(
  values: LimitStringValues,
  at: (key: string) => ConfigNode,
  problems: Problems,
): void {
  if (typeof values.limit !== 'string') return
  try {
    limitsOf(values)
  } catch (error) {
    if (error instanceof LimitSyntaxError) {
      problems.inString(at('limit'), error.at, error.problem)
      return
    }
    if (!isOptionError(error)) throw error
    const [option = 'limit'] = error.path
    problems.at(at(yamlKeyOf(String(option))), messageOf(error))
  }
}

/**
 * Reports whether a `limit` is an expression. A limit begins with a digit, and an expression has an
 * operator, a call, a member or a variable.
 */
export function isLimitExpression(limit: string): boolean {
  return /^\s*[a-zA-Z_!('"]/.test(limit) && (/[?.(['"=]/.test(limit) || VARIABLES.has(limit.trim()))
}

/** Decodes a limit that is an expression. `values` are the keys that qualify its results. */
export function decodeLimitExpression(
  node: ConfigNode & { readonly value: string },
  scope: ExpressionScope,
  values: LimitStringValues,
  problems: Problems,
): Expression<string> | undefined {
  const problemOf = (limit: string) => resultProblem({ ...values, limit })
  return reported(node, limitExpression(node.value, scope, problemOf), problems)
}

const CURRENCY_MISMATCH =
  "an amount of money such as '20 USD/day' requires 'of: money', and 'of: money' requires an amount of money"

function resultProblem(values: LimitStringValues): ExpressionProblem | undefined {
  if (values.limit === 'unlimited') return undefined
  try {
    const [limit, ...more] = limitsOf(values)
    if (limit !== undefined && 'currency' in limit !== (values.of === MONEY))
      return { at: 0, message: CURRENCY_MISMATCH }
    if (more.length === 0) return undefined
    return { at: 0, message: 'an expression must return one limit; write an entry for each' }
  } catch (error) {
    if (error instanceof LimitSyntaxError) return { at: error.at, message: error.problem }
    if (isOptionError(error)) return { at: 0, message: messageOf(error) }
    throw error
  }
}

/**
 * Reports a fixed cost that exceeds the limit, or that is fractional although the limit counts
 * whole units.
 */
export function checkCost(
  values: LimitStringValues,
  at: (key: string) => ConfigNode,
  problems: Problems,
): void {
  const { cost } = values
  if (typeof cost !== 'number') return
  const limits =
    typeof values.concurrent === 'number' ? [concurrency(values.concurrent)] : validLimits(values)
  for (const limit of limits) {
    const message = costError(limit, cost)
    if (message !== undefined) problems.at(at('cost'), message)
  }
}

function costError(limit: Limit, cost: number): string | undefined {
  const capacity = limit.algorithm === 'token-bucket' ? limit.burst : limit.limit
  if (limit.algorithm !== 'token-bucket' && !Number.isInteger(cost)) {
    return `'cost' must be a whole number, not ${cost}: a ${limit.algorithm} limit counts whole units`
  }
  if (cost <= capacity) return undefined
  const currency = 'currency' in limit ? limit.currency : undefined
  const [costText, capacityText] = [cost, capacity].map((units) =>
    currency === undefined ? String(units) : formatMoney(units, currency),
  )
  return `no request can be admitted: each costs ${costText}, but the capacity of the limit is ${capacityText}; lower the cost, or raise the limit`
}

function concurrency(limit: number): Limit {
  return { algorithm: 'concurrency', limit, lease: 1 }
}

function validLimits(values: LimitStringValues): Limit[] {
  if (typeof values.limit !== 'string') return []
  try {
    return limitsOf(values)
  } catch {
    return []
  }
}

/** Lists the limit strings of an entry of `limits`: its own and those of its tiers. */
export function limitStringsOf(node: ConfigNode): (ConfigNode & { readonly value: string })[] {
  const tiers = entryOf(node, 'tiers')
  const ofTiers = tiers?.kind === 'map' ? [...tiers.entries.values()].map(({ value }) => value) : []
  return [node, entryOf(node, 'limit'), ...ofTiers].filter((each) => each !== undefined).filter(isString)
}
