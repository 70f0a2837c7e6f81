import type { Limit, Quota } from 'sluice'
import type { GatewayConfig } from '../../../policy/config/config.js'
import type { Amounts } from '../../../policy/llm/usage.js'
import { SenderColumn } from '../../columns/sender-column.js'
import { StringHash } from '../../columns/string-hash.js'
import type { CompletionHandler, Outcome, Played, ReplayObserver } from '../../engine/replay-events.js'
import { senderName, UNKNOWN } from '../../trace/sender-ids.js'
import { NOTHING_HELD, type ToldRule } from '../stats-events.js'
import {
  BATCH,
  type Batch,
  DECIDED,
  ENDED,
  LIMIT,
  LIMIT_OF,
  NONE_SAID,
  ORIGIN,
  OUTCOMES,
  QUOTA,
  REASON,
  RULE,
  SETTLED,
  TIER,
} from './batch-protocol.js'
import { Interner } from './interner.js'
import { RuleIndex } from './rule-index.js'

/** Limits, tiers and reasons that have numbers at a time. */
const MAX_NUMBERED = 1000

/** Whoever counts what is told. */
export interface Audience {
  /** @returns numbers to tell the next in */
  take(batch: Batch): Float64Array<ArrayBuffer>
}

/** Tells whoever counts, in batches, what becomes of the requests of a replay. */
export class Encoder implements ReplayObserver {
  #numbers = new Float64Array(BATCH)
  #used = 0
  #things: unknown[] = []
  #holders = 0
  readonly #rules: RuleIndex
  readonly #limits = new Interner<Limit>(MAX_NUMBERED, (number, limit) => this.#say([LIMIT, number], limit))
  readonly #tiers = new Interner<string>(MAX_NUMBERED, (number, tier) => this.#say([TIER, number], tier))
  readonly #reasons = new Interner<string>(MAX_NUMBERED, (number, why) => this.#say([REASON, number], why))
  /** 1 where somebody's name was told. */
  readonly #named = new SenderColumn()
  #key = ''
  readonly #keyHash = new StringHash().of('')

  /**
   * @param replay its number among those that read a trace together
   * @param now the replay's time
   * @param origin milliseconds since the epoch at which that is 0
   */
  constructor(
    private readonly replay: number,
    private readonly audience: Audience,
    config: Pick<GatewayConfig, 'routes' | 'fallback'>,
    private readonly now: () => number,
    origin: number,
  ) {
    this.#rules = new RuleIndex(config, (rule) => this.#say([RULE], rule satisfies ToldRule))
    this.#say([ORIGIN, origin])
  }

  decided(played: Played): CompletionHandler | undefined {
    const { recorded, route = '', outcome, goesOn } = played
    const { sender, tier, input = 0, output = 0 } = recorded
    const refuser = this.#quotas(route, outcome)
    const tierNumber = tier === undefined ? NONE_SAID : this.#tiers.of(tier)
    const reason = 'why' in outcome ? this.#reasons.of(outcome.why) : NONE_SAID
    const holding = goesOn ? this.#holders++ : NOTHING_HELD
    const isNew = sender !== UNKNOWN && this.#named.get(sender) === 0
    let at = this.#room(12)
    if (isNew) {
      this.#named.set(sender, 1)
      this.#things.push(senderName(recorded))
    }
    const numbers = this.#numbers
    numbers[at++] = DECIDED
    numbers[at++] = OUTCOMES.indexOf(outcome.kind)
    numbers[at++] = recorded.at
    numbers[at++] = played.cameAt
    numbers[at++] = played.decidedAt
    numbers[at++] = sender
    numbers[at++] = isNew ? 1 : 0
    numbers[at++] = tierNumber
    numbers[at++] = input + output
    numbers[at++] = reason
    numbers[at++] = refuser
    numbers[at++] = holding
    return goesOn ? this.#aftermath(holding) : undefined
  }

  /** Tells what was not told yet. */
  flush(): void {
    if (this.#used === 0) return
    const { replay } = this
    const batch = { replay, numbers: this.#numbers, used: this.#used, things: this.#things }
    this.#numbers = this.audience.take(batch)
    this.#used = 0
    this.#things = []
  }

  /** @returns the place of the rule that refused */
  #quotas(route: string, outcome: Outcome): number {
    if (outcome.kind !== 'allowed' && outcome.kind !== 'refused') return 0
    const { decision } = outcome
    const refusedBy = decision.allowed ? undefined : decision.refusal.rule
    let refuser = 0
    for (const quota of decision.quotas) {
      const place = this.#quota(route, quota)
      if (quota.rule === refusedBy) refuser = place
    }
    return refuser
  }

  #quota(route: string, quota: Quota): number {
    const rule = this.#rules.of(route, quota)
    if (rule.limit !== quota.limit) {
      rule.limit = quota.limit
      this.#say([LIMIT_OF, rule.place, this.#limits.of(quota.limit)])
    }
    // Rules that count for the same client have the same key.
    if (quota.key !== this.#key) {
      this.#key = quota.key
      this.#keyHash.of(quota.key)
    }
    let at = this.#room(8)
    const numbers = this.#numbers
    numbers[at++] = QUOTA
    numbers[at++] = rule.place
    numbers[at++] = this.#keyHash.low
    numbers[at++] = this.#keyHash.high
    numbers[at++] = quota.cost
    numbers[at++] = quota.allowed ? 1 : 0
    numbers[at++] = quota.remaining
    numbers[at++] = quota.resetAfter
    return rule.place
  }

  #aftermath(holding: number): CompletionHandler {
    return {
      settled: ({ tokens, input_tokens, output_tokens }: Amounts) =>
        this.#say([SETTLED, holding, this.now(), tokens, input_tokens, output_tokens]),
      ended: () => this.#say([ENDED, holding, this.now()]),
    }
  }

  #say(numbers: readonly number[], thing?: unknown): void {
    const at = this.#room(numbers.length)
    this.#numbers.set(numbers, at)
    if (thing !== undefined) this.#things.push(thing)
  }

  /** Makes room for so many numbers, and for what belongs to them. @returns where they go, in what `#numbers` is from then on */
  #room(count: number): number {
    if (this.#used + count > this.#numbers.length) this.flush()
    const from = this.#used
    this.#used += count
    return from
  }
}
