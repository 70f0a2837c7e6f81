import { type Client, type KeyPart, type Limit, RequestError, type Rule } from 'sluice'
import { z } from 'zod'
import { UnreadableBodyError } from '../../body/unreadable-body.js'
import type { GatewayRequest } from '../../policy-request.js'
import { ExpressionError } from '../cel/expression-error.js'
import type { OnUnreadable, PolicyConfig } from '../config.js'
import { scalar } from '../yaml/decoders.js'

const ON_UNREADABLE = ['reject', 'pass'] as const satisfies readonly OnUnreadable[]

/**
 * Decodes `on_unreadable`: how a request is handled if an expression cannot be evaluated for it.
 */
export const decodeOnUnreadable = scalar(z.enum(ON_UNREADABLE), "'reject' or 'pass'")

/** The charge of a rule without `fallback_cost`. */
const DEFAULT_COST = 1

/** The error for `pass` on a route with `llm`. */
export const PASS_WITH_LLM =
  "'on_unreadable: pass' cannot be combined with 'llm', since tokens would go uncounted; write 'on_unreadable: reject' for the route"

/**
 * Applies `on_unreadable` to the rules of a policy. With `pass`, a rule whose cost cannot be
 * evaluated charges its `fallback_cost`, or 1. If its key cannot be evaluated, the client is the
 * key. If `concurrent` cannot be evaluated, the limit is 1. Requests whose `limit` cannot be
 * evaluated, and those that servers interpret differently, are still refused.
 */
export function withOnUnreadable<P extends PolicyConfig>(policy: P): P {
  return policy.onUnreadable === 'pass' ? { ...policy, rules: policy.rules.map(passingRule) } : policy
}

function passingRule(rule: Rule<GatewayRequest>): Rule<GatewayRequest> {
  const { cost, by, when, fallbackCost = DEFAULT_COST } = rule
  const passed = {
    ...(typeof cost === 'function' && { cost: convertingErrors(cost), fallbackCost }),
    ...(by !== undefined && { by: isList(by) ? by.map(keyOrClient) : keyOrClient(by) }),
    // A limit must not be avoided by a request that it cannot read.
    ...(when !== undefined && { when: orElse(when, () => true) }),
  }
  if (!('concurrent' in rule)) return { ...rule, ...passed }
  const { concurrent } = rule
  const slots = typeof concurrent === 'function' ? orElse(concurrent, () => 1) : concurrent
  return { ...rule, ...passed, concurrent: slots }
}

type Cost = Extract<Rule<GatewayRequest>['cost'], (...args: never[]) => unknown>

/**
 * The library charges the fallback only after a RequestError. The error of an unreadable body is of
 * another class, so it is converted.
 */
function convertingErrors(cost: Cost): Cost {
  return orElse(cost, (_request, error) => {
    throw new RequestError(error.message)
  })
}

function keyOrClient(part: KeyPart<GatewayRequest>): KeyPart<GatewayRequest> {
  return typeof part === 'string'
    ? part
    : orElse(part, ({ client, ip }) => `unreadable ${client === undefined ? ip : `client ${client.id}`}`)
}

/**
 * Wraps a function with a fallback for expressions that fail. The wrapper has the properties of the
 * function.
 */
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
