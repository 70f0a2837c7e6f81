import type { Limit } from 'sluice'
import type { Amounts } from '../../../policy/llm/usage.js'
import { ReplayStats } from '../replay-stats.js'
import { type DecisionEvent, NO_OPEN_ID, type QuotaEvent, type RuleEvent } from '../stats-events.js'
import * as protocol from './batch-protocol.js'

const { DECISION_FIELDS, QUOTA_FIELDS } = protocol

/** Decodes the batches of an `Encoder` and counts what they report. */
export class Decoder {
  #stats: ReplayStats | undefined
  /** The current limit of each rule, by its number. */
  readonly #ruleLimits: Limit[] = []
  /** Values by the numbers that currently denote them. */
  readonly #limits: Limit[] = []
  readonly #tiers: string[] = []
  readonly #reasons: string[] = []
  /** Reused for each decision, which saves an allocation per request. */
  readonly #decision: DecisionEvent = {
    ...{
      outcome: 'unrouted',
      at: 0,
      arrivedAt: 0,
      decidedAt: 0,
      sender: 0,
      name: undefined,
      tier: undefined,
    },
    ...{ tokens: 0, why: '', refuser: 0, openId: NO_OPEN_ID, quotas: [], quotaCount: 0 },
  }
  #numbers: protocol.Batch['numbers'] = new Float64Array()
  #position = 0
  #values: readonly unknown[] = []
  #valuePosition = 0

  /** The counts so far. */
  get stats(): ReplayStats {
    if (this.#stats === undefined) throw new Error('no batch has been decoded yet')
    return this.#stats
  }

  decode({ numbers, used, values }: protocol.Batch): void {
    this.#numbers = numbers
    this.#position = 0
    this.#values = values
    this.#valuePosition = 0
    while (this.#position < used) this.#decodeMessage(this.#numbers[this.#position] as number)
  }

  #decodeMessage(type: number): void {
    switch (type) {
      case protocol.QUOTA:
        this.#decodeQuota()
        return
      case protocol.DECISION:
        this.#decodeDecision()
        return
    }
    this.#position++
    switch (type) {
      case protocol.SETTLED: {
        const [openId, now] = [this.#next(), this.#next()]
        this.stats.settled(openId, this.#nextCosts(), now)
        break
      }
      case protocol.EXTENDED: {
        const [openId, now] = [this.#next(), this.#next()]
        this.stats.extended(openId, this.#nextCosts(), now)
        break
      }
      case protocol.EXHAUSTED:
        this.stats.exhausted += 1
        break
      case protocol.ENDED: {
        const openId = this.#next()
        this.stats.ended(openId, this.#next())
        break
      }
      case protocol.RULE_LIMIT: {
        const rule = this.#next()
        this.#ruleLimits[rule] = this.#limits[this.#next()] as Limit
        break
      }
      case protocol.LIMIT:
        this.#limits[this.#next()] = this.#nextValue() as Limit
        break
      case protocol.TIER:
        this.#tiers[this.#next()] = this.#nextValue() as string
        break
      case protocol.REASON:
        this.#reasons[this.#next()] = this.#nextValue() as string
        break
      case protocol.RULE: {
        const rule = this.#nextValue() as RuleEvent
        this.#ruleLimits.push(rule.limit)
        this.stats.addRule(rule)
        break
      }
      case protocol.ORIGIN:
        this.#stats = new ReplayStats(this.#next())
        break
      default:
        throw new Error(`unknown message type ${type}`)
    }
  }

  #decodeQuota(): void {
    const decision = this.#decision
    const quota = decision.quotas[decision.quotaCount] ?? emptyQuota()
    decision.quotas[decision.quotaCount++] = quota
    const numbers = this.#numbers
    const from = this.#position
    quota.rule = numbers[from + QUOTA_FIELDS.rule] as number
    quota.limit = this.#ruleLimits[quota.rule] as Limit
    quota.keyLow = numbers[from + QUOTA_FIELDS.keyLow] as number
    quota.keyHigh = numbers[from + QUOTA_FIELDS.keyHigh] as number
    quota.cost = numbers[from + QUOTA_FIELDS.cost] as number
    quota.allowed = numbers[from + QUOTA_FIELDS.allowed] === 1
    quota.remaining = numbers[from + QUOTA_FIELDS.remaining] as number
    quota.overrun = numbers[from + QUOTA_FIELDS.overrun] as number
    quota.resetAfter = numbers[from + QUOTA_FIELDS.resetAfter] as number
    this.#position += protocol.QUOTA_LENGTH
  }

  #decodeDecision(): void {
    const decision = this.#decision
    const numbers = this.#numbers
    const from = this.#position
    const outcome = numbers[from + DECISION_FIELDS.outcome] as number
    decision.outcome = protocol.OUTCOMES[outcome] as DecisionEvent['outcome']
    decision.at = numbers[from + DECISION_FIELDS.at] as number
    decision.arrivedAt = numbers[from + DECISION_FIELDS.arrivedAt] as number
    decision.decidedAt = numbers[from + DECISION_FIELDS.decidedAt] as number
    decision.sender = numbers[from + DECISION_FIELDS.sender] as number
    const hasName = numbers[from + DECISION_FIELDS.hasName] === 1
    decision.name = hasName ? (this.#nextValue() as string) : undefined
    decision.tier = lookUp(this.#tiers, numbers[from + DECISION_FIELDS.tier] as number)
    decision.tokens = numbers[from + DECISION_FIELDS.tokens] as number
    decision.why = lookUp(this.#reasons, numbers[from + DECISION_FIELDS.reason] as number) ?? ''
    decision.refuser = numbers[from + DECISION_FIELDS.refuser] as number
    decision.openId = numbers[from + DECISION_FIELDS.openId] as number
    this.#position += protocol.DECISION_LENGTH
    this.stats.decided(decision)
    decision.quotaCount = 0
  }

  #nextCosts(): Partial<Amounts> {
    const costs = protocol.SETTLED_RESOURCES.map((name) => [name, this.#next()] as const)
    return Object.fromEntries(costs.filter(([, cost]) => !Number.isNaN(cost)))
  }

  #next(): number {
    return this.#numbers[this.#position++] as number
  }

  #nextValue(): unknown {
    return this.#values[this.#valuePosition++]
  }
}

function lookUp(strings: readonly string[], number: number): string | undefined {
  return number === protocol.NONE ? undefined : strings[number]
}

const NO_LIMIT: Limit = { algorithm: 'concurrency', limit: 0, lease: 0 }

function emptyQuota(): QuotaEvent {
  return {
    ...{ rule: 0, limit: NO_LIMIT, keyLow: 0, keyHigh: 0, cost: 0 },
    ...{ allowed: false, remaining: 0, overrun: 0, resetAfter: 0 },
  }
}
