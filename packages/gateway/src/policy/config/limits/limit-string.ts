import { type Counting, capacityOf, isOptionError, type Limit, LimitSyntaxError, parseLimits } from 'sluice'
import type { Problems } from '../yaml/diagnostics.js'
import type { ConfigNode } from '../yaml/yaml-node.js'
import { keyOf, wordsOf } from './option-keys.js'

/** What was read of one entry of `limits`, as far as it concerns the limit text. */
interface LimitWords {
  readonly limit?: string | undefined
  readonly algorithm?: Counting['algorithm'] | undefined
  readonly align?: Counting['align'] | undefined
  readonly time_zone?: string | undefined
  readonly cost?: unknown
  readonly concurrent?: unknown
}

/** The limits that a text and what goes with it mean. @throws what `parseLimits` throws */
export function limitsOf({ limit = '', algorithm, align, time_zone: timeZone }: LimitWords): Limit[] {
  return parseLimits(limit, {
    ...(algorithm !== undefined && { algorithm }),
    ...(align !== undefined && { align }),
    ...(timeZone !== undefined && { timeZone }),
  })
}

/** Tells what is wrong with a limit text and with what goes with it, at the character that it is about. */
export function readLimitText(words: LimitWords, at: (key: string) => ConfigNode, problems: Problems): void {
  if (words.limit === undefined) return
  try {
    limitsOf(words)
  } catch (error) {
    if (error instanceof LimitSyntaxError) {
      problems.inText(at('limit'), error.at, error.problem)
      return
    }
    if (!isOptionError(error)) throw error
    const [option = 'limit'] = error.path
    problems.at(at(keyOf(String(option))), wordsOf(error))
  }
}

/** Tells a cost that is the same for every request, and that no request could ever pay. */
export function checkCost(words: LimitWords, at: (key: string) => ConfigNode, problems: Problems): void {
  const { cost } = words
  if (typeof cost !== 'number') return
  const limits = typeof words.concurrent === 'number' ? [concurrency(words.concurrent)] : readable(words)
  for (const limit of limits) {
    const message = whyUnpayable(limit, cost)
    if (message !== undefined) problems.at(at('cost'), message)
  }
}

function whyUnpayable(limit: Limit, cost: number): string | undefined {
  const capacity = capacityOf(limit)
  if (limit.algorithm !== 'token-bucket' && !Number.isInteger(cost)) {
    return `a ${limit.algorithm} counts whole units, and the cost is ${cost}; write a whole number`
  }
  return cost > capacity
    ? `no request is ever let in: each costs ${cost}, and the limit holds ${capacity}; lower the cost, or raise the limit`
    : undefined
}

function concurrency(limit: number): Limit {
  return { algorithm: 'concurrency', limit, lease: 1 }
}

function readable(words: LimitWords): Limit[] {
  try {
    return limitsOf(words)
  } catch {
    return []
  }
}
