import type { Limit, Quota } from 'sluice'
import type { GatewayConfig } from '../../../policy/config/config.js'
import type { Amounts } from '../../../policy/llm/usage.js'
import { SenderColumn } from '../../columns/sender-column.js'
import { StringHash } from '../../columns/string-hash.js'
import type { CompletionHandler, Outcome, Played, ReplayObserver } from '../../engine/replay-events.js'
import { senderName, UNKNOWN } from '../../trace/sender-ids.js'
import { NO_OPEN_ID, type RuleEvent } from '../stats-events.js'
import {
  BATCH_LENGTH,
  type Batch,
  DECISION,
  DECISION_FIELDS,
  DECISION_LENGTH,
  ENDED,
  EXHAUSTED,
  EXTENDED,
  LIMIT,
  NONE,
  ORIGIN,
  OUTCOMES,
  QUOTA,
  QUOTA_FIELDS,
  QUOTA_LENGTH,
  REASON,
  RULE,
  RULE_LIMIT,
  SETTLED,
  SETTLED_RESOURCES,
  TIER,
} from './batch-protocol.js'
import { Interner } from './interner.js'
import { RuleIndex } from './rule-index.js'

/** Maximum number of limits, of tiers and of reasons that have a number at a time. */
const MAX_INTERNED = 1000

/** Receives batches. */
export interface BatchSink {
  /** Accepts a batch and returns an array for the numbers of the next one. */
  accept(batch: Batch): Float64Array<ArrayBuffer>
}

/** Encodes the decisions and completions of a replay into batches. */
export class Encoder implements ReplayObserver {
  #numbers = new Float64Array(BATCH_LENGTH)
  #used = 0
  #values: unknown[] = []
  #nextOpenId = 0
  readonly #rules: RuleIndex
  readonly #limits = new Interner<Limit>(MAX_INTERNED, (number, limit) => this.#write([LIMIT, number], limit))
  readonly #tiers = new Interner<string>(MAX_INTERNED, (number, tier) => this.#write([TIER, number], tier))
  readonly #reasons = new Interner<string>(MAX_INTERNED, (number, why) => this.#write([REASON, number], why))
  /** 1 for each sender whose name was encoded. */
  readonly #named = new SenderColumn()
  #key = ''
  readonly #keyHash = new StringHash().of('')

  /**
   * @param replay index among the replays that share a pass over a trace
   * @param now the time of the replay, in milliseconds
   * @param origin milliseconds since the epoch at time 0 of the replay
   */
  constructor(
    private readonly replay: number,
    private readonly sink: BatchSink,
    config: Pick<GatewayConfig, 'routes' | 'fallback'>,
    private readonly now: () => number,
    origin: number,
  ) {
    this.#rules = new RuleIndex(config, (rule) => this.#write([RULE], rule satisfies RuleEvent))
    this.#write([ORIGIN, origin])
  }

  decided(played: Played): CompletionHandler | undefined {
    const { recorded, route = '', outcome, goesOn: isOpen } = played
    const { sender, tier, input = 0, output = 0 } = recorded
    const refuser = this.#encodeQuotas(route, outcome)
    const tierNumber = tier === undefined ? NONE : this.#tiers.of(tier)
    const reason = 'why' in outcome ? this.#reasons.of(outcome.why) : NONE
    const openId = isOpen ? this.#nextOpenId++ : NO_OPEN_ID
    const isNew = sender !== UNKNOWN && this.#named.get(sender) === 0
    const from = this.#reserve(DECISION_LENGTH)
    if (isNew) {
      this.#named.set(sender, 1)
      this.#values.push(senderName(recorded))
    }
    const numbers = this.#numbers
    numbers[from] = DECISION
    numbers[from + DECISION_FIELDS.outcome] = OUTCOMES.indexOf(outcome.kind)
    numbers[from + DECISION_FIELDS.at] = recorded.at
    numbers[from + DECISION_FIELDS.arrivedAt] = played.cameAt
    numbers[from + DECISION_FIELDS.decidedAt] = played.decidedAt
    numbers[from + DECISION_FIELDS.sender] = sender
    numbers[from + DECISION_FIELDS.hasName] = isNew ? 1 : 0
    numbers[from + DECISION_FIELDS.tier] = tierNumber
    numbers[from + DECISION_FIELDS.tokens] = input + output
    numbers[from + DECISION_FIELDS.reason] = reason
    numbers[from + DECISION_FIELDS.refuser] = refuser
    numbers[from + DECISION_FIELDS.openId] = openId
    return isOpen ? this.#completionHandler(openId) : undefined
  }

  /** Sends the current batch, even if it is not full. */
  flush(): void {
    if (this.#used === 0) return
    const { replay } = this
    const batch = { replay, numbers: this.#numbers, used: this.#used, values: this.#values }
    this.#numbers = this.sink.accept(batch)
    this.#used = 0
    this.#values = []
  }

  /** Returns the number of the rule that refused; 0 if none did. */
  #encodeQuotas(route: string, outcome: Outcome): number {
    if (outcome.kind !== 'allowed' && outcome.kind !== 'refused') return 0
    const { decision } = outcome
    const refusedBy = decision.allowed ? undefined : decision.refusal.rule
    let refuser = 0
    for (const quota of decision.quotas) {
      const rule = this.#encodeQuota(route, quota)
      if (quota.rule === refusedBy) refuser = rule
    }
    return refuser
  }

  /** Returns the number of the rule. */
  #encodeQuota(route: string, quota: Quota): number {
    const rule = this.#rules.of(route, quota)
    if (rule.limit !== quota.limit) {
      rule.limit = quota.limit
      this.#write([RULE_LIMIT, rule.number, this.#limits.of(quota.limit)])
    }
    // Rules that count by the same client share a key, so its hash is computed once.
    if (quota.key !== this.#key) {
      this.#key = quota.key
      this.#keyHash.of(quota.key)
    }
    const from = this.#reserve(QUOTA_LENGTH)
    const numbers = this.#numbers
    numbers[from] = QUOTA
    numbers[from + QUOTA_FIELDS.rule] = rule.number
    numbers[from + QUOTA_FIELDS.keyLow] = this.#keyHash.low
    numbers[from + QUOTA_FIELDS.keyHigh] = this.#keyHash.high
    numbers[from + QUOTA_FIELDS.cost] = quota.cost
    numbers[from + QUOTA_FIELDS.allowed] = quota.allowed ? 1 : 0
    numbers[from + QUOTA_FIELDS.remaining] = quota.remaining
    numbers[from + QUOTA_FIELDS.overrun] = quota.overrun ?? 0
    numbers[from + QUOTA_FIELDS.resetAfter] = quota.resetAfter
    return rule.number
  }

  #completionHandler(openId: number): CompletionHandler {
    const writeCosts = (type: number, costs: Partial<Amounts>) =>
      this.#write([type, openId, this.now(), ...SETTLED_RESOURCES.map((name) => costs[name] ?? NaN)])
    return {
      extended: (costs) => writeCosts(EXTENDED, costs),
      exhausted: () => this.#write([EXHAUSTED]),
      settled: (costs) => writeCosts(SETTLED, costs),
      ended: () => this.#write([ENDED, openId, this.now()]),
    }
  }

  #write(numbers: readonly number[], value?: unknown): void {
    const from = this.#reserve(numbers.length)
    this.#numbers.set(numbers, from)
    if (value !== undefined) this.#values.push(value)
  }

  /**
   * Reserves space for the numbers of one message. Returns their position in `#numbers`, which a
   * flush replaces.
   */
  #reserve(count: number): number {
    if (this.#used + count > this.#numbers.length) this.flush()
    const from = this.#used
    this.#used += count
    return from
  }
}
