import { randomUUID } from 'node:crypto'
import { type Decision, type Forecast, type Quota, refusalOf } from './decision.js'
import { leaseRenewal } from './lease-renewal.js'
import { Permit, type TakenCharge } from './permit.js'
import type { KeySources } from './policy/key-spec.js'
import { type CompiledRule, compileRules, type Rule } from './policy/rule.js'
import { memoryStore } from './stores/memory/memory-store.js'
import type { Charge, MaybePromise, Store, StoreVerdict } from './stores/store.js'

export interface LimiterOptions<Request> {
  /** What every request meets, together: it takes from all of them or from none. */
  readonly rules: readonly Rule<Request>[]
  /** Where the state is. Default: in the memory of this process, for this limiter alone. */
  readonly store?: Store
  /** Tells limiters on one store apart; processes that use the same name there share their limits. Default: ''. */
  readonly name?: string
  /** How `by: 'ip'` and the other named keys are read. The adapters bring it. */
  readonly keys?: KeySources<Request>
}

/** Decides which requests may run. */
export interface Limiter<Request> {
  /**
   * Decides on a request and takes what it costs, at once: from every rule or from none. With the memory store the answer
   * is a decision and no promise of one.
   *
   * @throws RequestError where the request lacks what a rule needs to weigh it; whatever the rules' own functions
   *   throw; what the store throws.
   */
  admit(request: Request): MaybePromise<Decision>
  /** What `admit` would say now. Takes nothing. */
  peek(request: Request): MaybePromise<Forecast>
  /** Forgets what the keys of this request have used, in every rule. */
  reset(request: Request): MaybePromise<void>
  /** Closes the store that the limiter made for itself; one that was handed in is left to its owner. */
  close(): MaybePromise<void>
}

/**
 * Makes a limiter.
 *
 *     const limiter = createLimiter({ rules: [{ limit: '10/minute' }] })
 *     const decision = await limiter.admit('user-42')
 *     if (!decision.allowed) console.log(`come back in ${decision.refusal.retryAfter} ms`)
 *
 * @throws LimitSyntaxError, TypeError, RangeError that name the rule which is wrong.
 */
export function createLimiter<Request = string>(options: LimiterOptions<Request>): Limiter<Request> {
  checkOptions(options)
  return new RuleLimiter(options)
}

class RuleLimiter<Request> implements Limiter<Request> {
  readonly #rules: readonly CompiledRule<Request>[]
  readonly #scopes: readonly string[]
  readonly #store: Store
  readonly #ownsStore: boolean
  readonly #renewal = leaseRenewal()

  constructor({ rules, store, name = '', keys }: LimiterOptions<Request>) {
    this.#rules = compileRules(rules, keys)
    this.#scopes = this.#rules.map((rule) => `${name}\n${rule.name}`)
    this.#store = store ?? memoryStore()
    this.#ownsStore = store === undefined
    if (name === '' && store !== undefined) claimUnnamed(store)
  }

  admit(request: Request): MaybePromise<Decision> {
    const charges = this.#charges(request)
    const verdicts = this.#store.take(charges)
    if (verdicts instanceof Promise) return verdicts.then((answers) => this.#decision(charges, answers))
    return this.#decision(charges, verdicts)
  }

  peek(request: Request): MaybePromise<Forecast> {
    const charges = this.#charges(request)
    const verdicts = this.#store.peek(charges)
    if (verdicts instanceof Promise) return verdicts.then((answers) => this.#forecast(charges, answers))
    return this.#forecast(charges, verdicts)
  }

  reset(request: Request): MaybePromise<void> {
    const pending = this.#rules.map((rule, index) =>
      this.#store.reset(this.#scopes[index] as string, rule.keyFor(request)),
    )
    if (pending.some((each) => each instanceof Promise)) return Promise.all(pending).then(() => {})
  }

  close(): MaybePromise<void> {
    if (this.#ownsStore) return this.#store.close()
  }

  #charges(request: Request): Charge[] {
    return this.#rules.map((rule, index) => {
      const limit = rule.limitFor(request)
      return {
        scope: this.#scopes[index] as string,
        key: rule.keyFor(request),
        limit,
        cost: rule.costFor(request, limit),
        lease: limit.algorithm === 'concurrency' ? nextLease() : undefined,
        enforce: rule.enforce,
      }
    })
  }

  #forecast(charges: readonly Charge[], verdicts: readonly StoreVerdict[]): Forecast {
    const quotas = charges.map((charge, index) =>
      quotaOf(this.#rule(index), charge, verdicts[index] as StoreVerdict),
    )
    const refusal = refusalOf(quotas)
    const degraded = verdicts.find((verdict) => verdict.degraded !== undefined)?.degraded
    const answer = { quotas, ...(degraded && { degraded }) }
    return refusal === undefined ? { allowed: true, ...answer } : { allowed: false, refusal, ...answer }
  }

  #decision(charges: readonly Charge[], verdicts: readonly StoreVerdict[]): Decision {
    const forecast = this.#forecast(charges, verdicts)
    if (!forecast.allowed) return forecast
    const taken: TakenCharge[] = []
    charges.forEach((charge, index) => {
      const verdict = verdicts[index] as StoreVerdict
      if (verdict.allowed) taken.push({ resource: this.#rule(index).resource, charge, verdict })
    })
    return { ...forecast, permit: new Permit(this.#store, this.#renewal, taken) }
  }

  #rule(index: number): CompiledRule<Request> {
    return this.#rules[index] as CompiledRule<Request>
  }
}

function quotaOf<Request>(rule: CompiledRule<Request>, charge: Charge, verdict: StoreVerdict): Quota {
  return {
    rule: rule.name,
    resource: rule.resource,
    key: charge.key,
    limit: charge.limit,
    cost: charge.cost,
    allowed: verdict.allowed,
    enforced: rule.enforce,
    remaining: verdict.remaining,
    resetAfter: verdict.resetAfter,
    moreAfter: verdict.moreAfter,
    retryAfter: verdict.retryAfter,
  }
}

/** No other request has the same lease, in this process or in another. */
function nextLease(): string {
  leases++
  return `${PROCESS}-${leases.toString(36)}`
}

const PROCESS = randomUUID()
let leases = 0

const OPTIONS = ['rules', 'store', 'name', 'keys']

function checkOptions(options: object): void {
  for (const option of Object.keys(options)) {
    if (!OPTIONS.includes(option))
      throw new TypeError(`a limiter has no option '${option}'; it has ${OPTIONS.join(', ')}`)
  }
}

/** Stores that a limiter without a name uses: a second one would share its limits unawares. */
const unnamed = new WeakSet<Store>()

function claimUnnamed(store: Store): void {
  if (unnamed.has(store)) {
    throw new TypeError("two limiters without a 'name' would share their limits on this store; name them")
  }
  unnamed.add(store)
}
