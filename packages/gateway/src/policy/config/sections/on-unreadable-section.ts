import { type Client, type KeyPart, type Limit, RequestError, type Rule } from 'sluice'
import { z } from 'zod'
import { UnreadableBodyError } from '../../body/unreadable-body.js'
import type { GatewayRequest } from '../../policy-request.js'
import { ExpressionError } from '../cel/expression-error.js'
import type { OnUnreadable, PolicyConfig } from '../config.js'
import { single } from '../yaml/decoders.js'

/** `on_unreadable`: what becomes of a request that the expressions of a route cannot be worked out for. */

const ON_UNREADABLE = ['reject', 'pass'] as const satisfies readonly OnUnreadable[]

export const readOnUnreadable = single(z.enum(ON_UNREADABLE), "'reject' or 'pass'")

/** What a rule charges that has no `fallback_cost`. */
const DEFAULT_COST = 1

/** What is wrong with `pass` on a route with `llm`. */
export const PASS_WITH_LLM =
  "'on_unreadable: pass' does not go with 'llm', whose tokens could not be counted; write 'on_unreadable: reject' for the route"

/**
 * The policy as its `on_unreadable` has it. With `pass`, a rule whose expression cannot be worked out charges its
 * `fallback_cost` or 1, counts the request for its client, and lets one such request at a time be in flight. What servers read
 * in different ways is refused all the same.
 */
export function withOnUnreadable<P extends PolicyConfig>(policy: P): P {
  return policy.onUnreadable === 'pass' ? { ...policy, rules: policy.rules.map(passing) } : policy
}

function passing(rule: Rule<GatewayRequest>): Rule<GatewayRequest> {
  const { cost, by, fallbackCost = DEFAULT_COST } = rule
  const passed = {
    ...(typeof cost === 'function' && { cost: weighable(cost), fallbackCost }),
    ...(by !== undefined && { by: isList(by) ? by.map(keyOrClient) : keyOrClient(by) }),
  }
  if (!('concurrent' in rule)) return { ...rule, ...passed }
  const { concurrent } = rule
  const slots = typeof concurrent === 'function' ? orElse(concurrent, () => 1) : concurrent
  return { ...rule, ...passed, concurrent: slots }
}

type Cost = Extract<Rule<GatewayRequest>['cost'], (...args: never[]) => unknown>

/** The library charges the fallback for a request that lacks what the cost reads, so an unreadable body has an error of its own. */
function weighable(cost: Cost): Cost {
  return orElse(cost, (_request, error) => {
    throw new RequestError(error.message)
  })
}

function keyOrClient(part: KeyPart<GatewayRequest>): KeyPart<GatewayRequest> {
  return typeof part === 'string'
    ? part
    : orElse(part, ({ client, ip }) => `unreadable ${client === undefined ? ip : `client ${client.id}`}`)
}

/** The function, with another result where an expression in it cannot be worked out; what describes it stays. */
function orElse<Rest extends readonly [Client | undefined] | readonly [Limit], T>(
  work: (request: GatewayRequest, ...rest: Rest) => T,
  fallback: (request: GatewayRequest, error: Error) => T,
): typeof work {
  const passing = (request: GatewayRequest, ...rest: Rest): T => {
    try {
      return work(request, ...rest)
    } catch (error) {
      if (error instanceof ExpressionError || error instanceof UnreadableBodyError)
        return fallback(request, error)
      throw error
    }
  }
  return Object.assign(passing, work)
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
