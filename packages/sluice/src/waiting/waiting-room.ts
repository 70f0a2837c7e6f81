import type { RuleCharge } from '../charging.js'
import { type Decision, type Quota, type Refusal, refusalOf } from '../decision.js'
import { capacityOf } from '../limits/limit.js'
import type { MaybePromise } from '../maybe-promise.js'
import { andThen } from '../maybe-promise.js'
import type { Timers } from '../stores/failure/timers.js'
import { type Attempt, Line } from './line.js'

/** How often the first of a line looks whether another process has freed a slot, in milliseconds. */
const LOOK_INTERVAL = 100

/** What is told to one who waits for nothing, in milliseconds, where the store knows of no earlier moment. */
const LEAST_RETRY_AFTER = 1_000

/** A slot that requests wait for: those of one rule and key. */
interface Counter {
  readonly id: string
  readonly rule: string
  readonly patience: number
  readonly places: number
}

/** The lines of requests that wait for slots, in this process. */
export class WaitingRoom {
  readonly #lines = new Map<string, Line<Decision>>()

  constructor(private readonly timers: Pick<Timers, 'start' | 'stop'>) {}

  /**
   * Decides on a request that may wait. It never passes those who wait already for the same slots.
   *
   * @param charges the rules' charges for the request, as they are now
   * @param decide takes for the request, or refuses it; it is called again whenever there may be room
   * @param forecast what a decision would say; takes nothing
   */
  admit(
    charges: readonly RuleCharge[],
    decide: () => MaybePromise<Decision>,
    forecast: () => MaybePromise<readonly Quota[]>,
    signal: AbortSignal | undefined,
  ): MaybePromise<Decision> {
    const counters = charges.flatMap(counterOf)
    const crowded = counters.find(({ id }) => this.#lines.has(id))
    if (crowded !== undefined) return this.#wait(crowded, counters, decide, forecast, signal)
    return andThen(decide(), (decision) => {
      const full = fullCounter(decision, counters)
      return full === undefined ? decision : this.#wait(full, counters, decide, forecast, signal)
    })
  }

  /** A slot may be free. */
  freed(scope: string, key: string): void {
    this.#lines.get(idOf(scope, key))?.wake()
  }

  async #wait(
    counter: Counter,
    counters: readonly Counter[],
    decide: () => MaybePromise<Decision>,
    forecast: () => MaybePromise<readonly Quota[]>,
    signal: AbortSignal | undefined,
  ): Promise<Decision> {
    const line = this.#lines.get(counter.id) ?? new Line<Decision>(this.timers)
    if (line.length >= counter.places) return busy(counter, await forecast())
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
      const got = await line.join({ attempt, giveBack, patience: counter.patience, signal })
      return got ?? busy(counter, await forecast())
    } finally {
      // While a forecast was waited for, another line may have begun in its place.
      if (line.length === 0 && this.#lines.get(counter.id) === line) this.#lines.delete(counter.id)
    }
  }
}

function counterOf({ rule, scope, key }: RuleCharge): Counter[] {
  if (rule.waiting === undefined) return []
  return [{ id: idOf(scope, key), rule: rule.name, ...rule.waiting }]
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

/** The answer to one who waited for nothing, or for whom there is no place to wait. */
function busy(counter: Counter, quotas: readonly Quota[]): Decision {
  const told = quotas.map((quota) =>
    quota.rule === counter.rule
      ? { ...quota, allowed: false, retryAfter: Math.max(quota.retryAfter, LEAST_RETRY_AFTER) }
      : quota,
  )
  const refusal = refusalOf(told) as Refusal
  return { allowed: false, quotas: told, refusal: { ...refusal, reason: 'busy' } }
}
