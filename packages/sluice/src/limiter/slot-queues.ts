import { capacityOf } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import { andThen } from '../maybe-promise.js'
import type { Timers } from '../time/timers.js'
import type { RuleCharge } from './charges.js'
import { type Decision, type Quota, type Refusal, refusalOf } from './decision.js'
import { HoldTimes } from './hold-times.js'
import { type Attempt, Line } from './wait-queue.js'

/** How often the first of a line looks whether another process has freed a slot, in milliseconds. */
const LOOK_INTERVAL = 100

/** What is told to one who waits for nothing, in milliseconds, where the store knows of no earlier moment. */
const MIN_RETRY_AFTER = 1_000

/** A slot that requests wait for: those of one rule and key. */
interface Counter {
  readonly id: string
  readonly rule: string
  readonly scope: string
  readonly patience: number
  readonly places: number
  /** Whether every request of the line comes from one client. */
  readonly isPerClient: boolean
}

/** The lines of requests that wait for slots, in this process. */
export class SlotQueues {
  readonly #lines = new Map<string, Line<Decision>>()
  readonly #holdTimes = new HoldTimes()

  constructor(private readonly timers: Pick<Timers, 'start' | 'stop'>) {}

  /**
   * Decides on a request that may wait. It never passes those who wait already for the same slots.
   *
   * @param charges the rules' charges for the request, as they are now
   * @param decide takes for the request, or refuses it; it is called again whenever there may be room
   * @param forecast what a decision would say; takes nothing
   * @param waiter the client that waits; it has half of the places of a line that it shares with others
   */
  admit(
    charges: readonly RuleCharge[],
    decide: () => MaybePromise<Decision>,
    forecast: () => MaybePromise<readonly Quota[]>,
    signal: AbortSignal | undefined,
    waiter?: string,
  ): MaybePromise<Decision> {
    const counters = charges.flatMap(counterOf)
    const crowded = counters.find(({ id }) => this.#lines.has(id))
    if (crowded !== undefined) return this.#wait(crowded, counters, decide, forecast, signal, waiter)
    return andThen(decide(), (decision) => {
      const full = fullCounter(decision, counters)
      return full === undefined ? decision : this.#wait(full, counters, decide, forecast, signal, waiter)
    })
  }

  /** A slot may be free. */
  freed(scope: string, key: string, heldMs: number): void {
    this.#holdTimes.add(scope, heldMs)
    this.#lines.get(idOf(scope, key))?.wake()
  }

  async #wait(
    counter: Counter,
    counters: readonly Counter[],
    decide: () => MaybePromise<Decision>,
    forecast: () => MaybePromise<readonly Quota[]>,
    signal: AbortSignal | undefined,
    waiter: string | undefined,
  ): Promise<Decision> {
    const line = this.#lines.get(counter.id) ?? new Line<Decision>(this.timers)
    const own = counter.isPerClient || waiter === undefined ? 0 : line.countOf(waiter)
    if (line.length >= counter.places || (own > 0 && own >= Math.ceil(counter.places / 2)))
      return this.#busy(counter, line.length, await forecast())
    this.#lines.set(counter.id, line)
    const attempt = (): MaybePromise<Attempt<Decision>> =>
      andThen(decide(), (decision) =>
        fullCounter(decision, counters) === undefined ? { got: decision } : { again: LOOK_INTERVAL },
      )
    const giveBack = (decision: Decision) => {
      // A request whose client has left never runs, so that nothing of it stays charged.
      if (decision.allowed) decision.permit.cancel().catch(() => {})
    }
    try {
      const got = await line.join({ attempt, giveBack, patience: counter.patience, signal, name: waiter })
      return got ?? this.#busy(counter, line.length, await forecast())
    } finally {
      // While a forecast was waited for, another line may have begun in its place.
      if (line.length === 0 && this.#lines.get(counter.id) === line) this.#lines.delete(counter.id)
    }
  }

  /**
   * The answer to one who waited in vain, or for whom there is no place to wait. It may come back when those before it
   * will have had their turns, by how long slots were held lately; before any was freed, after the time that it may wait.
   * In any case when the leases end.
   */
  #busy(counter: Counter, ahead: number, quotas: readonly Quota[]): Decision {
    const told = quotas.map((quota) => {
      if (quota.rule !== counter.rule) return quota
      const turns = ((ahead + 1) * Math.max(1, quota.cost)) / capacityOf(quota.limit)
      const estimate = this.#holdTimes.timeFor(counter.scope, turns) ?? counter.patience
      const atMost = quota.retryAfter > 0 ? quota.retryAfter : estimate
      return { ...quota, allowed: false, retryAfter: Math.max(MIN_RETRY_AFTER, Math.min(estimate, atMost)) }
    })
    const refusal = refusalOf(told) as Refusal
    return { allowed: false, quotas: told, refusal: { ...refusal, reason: 'busy' } }
  }
}

function counterOf({ rule, scope, key }: RuleCharge): Counter[] {
  if (rule.waiting === undefined) return []
  return [{ id: idOf(scope, key), rule: rule.name, scope, ...rule.waiting }]
}

function idOf(scope: string, key: string): string {
  return JSON.stringify([scope, key])
}

/** What to wait for, where nothing else refuses: a slot that is taken, and that the request could have. */
function fullCounter(decision: Decision, counters: readonly Counter[]): Counter | undefined {
  if (decision.allowed || decision.quotas.some(isTooLarge)) return undefined
  const { violated } = decision.refusal
  const full = counters.filter(({ rule }) => violated.includes(rule))
  return full.length === violated.length ? full[0] : undefined
}

/** No slot that becomes free makes room for it. */
function isTooLarge({ enforced, cost, limit }: Quota): boolean {
  return enforced && cost > capacityOf(limit)
}
