import type { ExecutionContext } from '@nestjs/common'
import {
  createHttpLimiter,
  type HttpLimiter,
  type HttpLimitOptions,
  optionsOf,
  type RequestAccess,
} from '../../http/http-limiter.js'
import type { LimitMethods } from '../../http/limit-methods.js'
import { FAMILY } from '../../limiter/limiter-options.js'
import { OptionTypeError } from '../../option-error.js'
import type { RuleOverrides } from '../../rules/compiled-rule.js'
import type { RuleOverride } from '../../rules/override.js'
import { memoryStore } from '../../stores/memory/memory-store.js'
import type { NestRequest } from './execution-context.js'

export interface NestLimitOptions extends HttpLimitOptions<NestRequest> {
  /**
   * Returns the request that a handler runs for. Default: the HTTP request; in a GraphQL handler
   * the request of the context; in a WebSocket handler the handshake. A handler without a request
   * fails with a TypeError.
   */
  readonly request?: (context: ExecutionContext) => NestRequest | undefined
  /**
   * `true` counts each handler separately, by the names of its class and method. Handlers of classes
   * with the same name share their count. The methods of the limit (`peek`, `reset`, …) then reject,
   * because they do not know the handler. Default: all handlers of the limit are counted together.
   */
  readonly perHandler?: boolean
}

/**
 * Replacements of limits by the name of the rule: a limit string, a number of slots for a rule with
 * `concurrent`, or an override.
 */
export type LimitOverrides = Readonly<Record<string, string | number | RuleOverride>>

/** How a handler differs from the limit that applies to it. */
export interface Adjustment {
  /** The names of the rules that do not apply. */
  readonly skipped: readonly string[]
  readonly overrides: LimitOverrides
}

/** A handler: a method of a class. */
export interface Handler {
  // biome-ignore lint/complexity/noBannedTypes: Nest passes classes and methods as functions.
  readonly owner: Function
  // biome-ignore lint/complexity/noBannedTypes: Nest passes classes and methods as functions.
  readonly method: Function
}

/** A limit and its variants for handlers, which share their state. */
export class HandlerLimits {
  /** Finds the request of a handler. */
  readonly requestOf: NestLimitOptions['request']
  readonly #options: HttpLimitOptions<NestRequest>
  readonly #access: RequestAccess<NestRequest>
  readonly #perHandler: boolean
  readonly #common: HttpLimiter<NestRequest>
  // biome-ignore lint/complexity/noBannedTypes: Nest passes classes and methods as functions.
  readonly #variants = new WeakMap<Function, Map<Function, HttpLimiter<NestRequest>>>()

  /** @throws LimitSyntaxError, TypeError, RangeError if an option is invalid */
  constructor(options: string | NestLimitOptions, access: RequestAccess<NestRequest>) {
    const { request, perHandler = false, ...rest } = optionsOf<NestLimitOptions>(options)
    if (rest.throw === false)
      throw new OptionTypeError(
        ['throw'],
        "'throw' cannot be false in NestJS, where refusals are always thrown; respond to them in a filter for LimitRefusal",
      )
    if (typeof perHandler !== 'boolean')
      throw new OptionTypeError(
        ['perHandler'],
        `'perHandler' must be true or false, not ${typeof perHandler}`,
      )
    this.requestOf = request
    this.#perHandler = perHandler
    this.#access = access
    const variants = { store: rest.store ?? memoryStore(), [FAMILY]: {} }
    this.#options = { ...rest, ...variants }
    this.#common = this.#create(this.#options)
  }

  /** The methods of the limit, for handlers that decide by hand. */
  get methods(): LimitMethods<NestRequest> {
    if (!this.#perHandler) return this.#common.methods
    return {
      admit: unknownHandler,
      peek: unknownHandler,
      usage: unknownHandler,
      charge: unknownHandler,
      refund: unknownHandler,
      reset: unknownHandler,
    }
  }

  /**
   * Returns the limiter of a handler.
   *
   * @throws TypeError for a rule that the limit does not have; LimitSyntaxError, RangeError for an
   *   invalid override
   */
  of(handler: Handler, adjust: () => Adjustment): HttpLimiter<NestRequest> {
    const { owner, method } = handler
    const known = this.#variants.get(owner)?.get(method)
    if (known !== undefined) return known
    const limiter = this.#variantOf(handler, adjust())
    const ofOwner = this.#variants.get(owner) ?? new Map()
    this.#variants.set(owner, ofOwner.set(method, limiter))
    return limiter
  }

  #variantOf({ owner, method }: Handler, adjustment: Adjustment): HttpLimiter<NestRequest> {
    const isAdjusted = adjustment.skipped.length > 0 || Object.keys(adjustment.overrides).length > 0
    if (!isAdjusted && !this.#perHandler) return this.#common
    const adjusted = adjustedOptions(this.#options, adjustment)
    if (!this.#perHandler) return this.#create(adjusted)
    const name = [this.#options.name, `${owner.name}.${method.name}`].filter(Boolean).join(' ')
    return this.#create({ ...adjusted, name })
  }

  #create(options: HttpLimitOptions<NestRequest>): HttpLimiter<NestRequest> {
    return createHttpLimiter(options, this.#access, ['request', 'perHandler'])
  }
}

async function unknownHandler(): Promise<never> {
  throw new TypeError(
    "a limit with 'perHandler' has a count for each handler, so its methods do not know which one to use; remove 'perHandler', or give the handler its own @Limit",
  )
}

function adjustedOptions(
  options: HttpLimitOptions<NestRequest>,
  { skipped, overrides }: Adjustment,
): HttpLimitOptions<NestRequest> {
  const names = options.rules.flatMap(({ name }) => name ?? [])
  for (const name of skipped)
    if (!names.includes(name))
      throw new OptionTypeError(
        ['rules'],
        `@Unlimited('${name}') names no rule of the limit; ${names.length === 0 ? "its rules have no 'name'" : `its named rules are ${names.join(', ')}`}`,
      )
  const isKept = (name: string | undefined) => name === undefined || !skipped.includes(name)
  const merged: RuleOverrides = {
    ...options.overrides,
    ...Object.fromEntries(
      Object.entries(overrides).map(([name, override]) => [
        name,
        typeof override === 'object' ? override : { limit: override },
      ]),
    ),
  }
  const kept = Object.entries(merged).filter(([name]) => isKept(name))
  return {
    ...options,
    rules: options.rules.filter(({ name }) => isKept(name)),
    overrides: Object.fromEntries(kept),
  }
}
