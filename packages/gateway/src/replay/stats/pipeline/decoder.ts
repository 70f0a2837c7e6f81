import type { Limit } from 'sluice'
import { ReplayStats } from '../replay-stats.js'
import { NOTHING_HELD, type Told, type ToldQuota, type ToldRule } from '../stats-events.js'
import * as say from './batch-protocol.js'

/** Counts what a `Teller` tells. */
export class Listener {
  #tally: ReplayStats | undefined
  /** Of each rule, by its place. */
  readonly #ruleLimits: Limit[] = []
  /** What numbers stand for now. */
  readonly #limits: Limit[] = []
  readonly #tiers: string[] = []
  readonly #reasons: string[] = []
  readonly #told: Told = {
    ...{ outcome: 'unrouted', at: 0, cameAt: 0, decidedAt: 0, sender: 0, name: undefined, tier: undefined },
    ...{ tokens: 0, why: '', refuser: 0, holding: NOTHING_HELD, quotas: [], quotaCount: 0 },
  }
  #numbers: say.Batch['numbers'] = new Float64Array()
  #at = 0
  #things: readonly unknown[] = []
  #thing = 0

  /** What was counted so far. */
  get tally(): ReplayStats {
    if (this.#tally === undefined) throw new Error('nothing was told yet')
    return this.#tally
  }

  hear({ numbers, used, things }: say.Batch): void {
    this.#numbers = numbers
    this.#at = 0
    this.#things = things
    this.#thing = 0
    while (this.#at < used) this.#hearOne(this.#next())
  }

  #hearOne(what: number): void {
    switch (what) {
      case say.QUOTA:
        this.#quota()
        break
      case say.DECIDED:
        this.#decided()
        break
      case say.SETTLED: {
        const [holding, now] = [this.#next(), this.#next()]
        const amounts = { tokens: this.#next(), input_tokens: this.#next(), output_tokens: this.#next() }
        this.tally.settled(holding, amounts, now)
        break
      }
      case say.ENDED: {
        const holding = this.#next()
        this.tally.ended(holding, this.#next())
        break
      }
      case say.LIMIT_OF: {
        const place = this.#next()
        this.#ruleLimits[place] = this.#limits[this.#next()] as Limit
        break
      }
      case say.LIMIT:
        this.#limits[this.#next()] = this.#nextThing() as Limit
        break
      case say.TIER:
        this.#tiers[this.#next()] = this.#nextThing() as string
        break
      case say.REASON:
        this.#reasons[this.#next()] = this.#nextThing() as string
        break
      case say.RULE: {
        const rule = this.#nextThing() as ToldRule
        this.#ruleLimits.push(rule.limit)
        this.tally.begin(rule)
        break
      }
      case say.ORIGIN:
        this.#tally = new ReplayStats(this.#next())
        break
      default:
        throw new Error(`${what} says nothing`)
    }
  }

  #quota(): void {
    const told = this.#told
    const quota = told.quotas[told.quotaCount] ?? emptyQuota()
    told.quotas[told.quotaCount++] = quota
    quota.rule = this.#next()
    quota.limit = this.#ruleLimits[quota.rule] as Limit
    quota.keyLow = this.#next()
    quota.keyHigh = this.#next()
    quota.cost = this.#next()
    quota.allowed = this.#next() === 1
    quota.remaining = this.#next()
    quota.resetAfter = this.#next()
  }

  #decided(): void {
    const told = this.#told
    told.outcome = say.OUTCOMES[this.#next()] as Told['outcome']
    told.at = this.#next()
    told.cameAt = this.#next()
    told.decidedAt = this.#next()
    told.sender = this.#next()
    told.name = this.#next() === 1 ? (this.#nextThing() as string) : undefined
    told.tier = lookUp(this.#tiers, this.#next())
    told.tokens = this.#next()
    told.why = lookUp(this.#reasons, this.#next()) ?? ''
    told.refuser = this.#next()
    told.holding = this.#next()
    this.tally.decided(told)
    told.quotaCount = 0
  }

  #next(): number {
    return this.#numbers[this.#at++] as number
  }

  #nextThing(): unknown {
    return this.#things[this.#thing++]
  }
}

function lookUp(texts: readonly string[], number: number): string | undefined {
  return number === say.NONE_SAID ? undefined : texts[number]
}

const NO_LIMIT: Limit = { algorithm: 'concurrency', limit: 0, lease: 0 }

function emptyQuota(): ToldQuota {
  return {
    ...{ rule: 0, limit: NO_LIMIT, keyLow: 0, keyHigh: 0, cost: 0 },
    ...{ allowed: false, remaining: 0, resetAfter: 0 },
  }
}
