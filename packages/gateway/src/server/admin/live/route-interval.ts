import type { ModelAnswer } from '../../observability/model-answer.js'
import type { RouteSample } from '../api/live-samples.js'
import { LatencyHistogram } from './latency-histogram.js'

/** Takes the place of the rule for requests of blocked clients. */
const BLOCKED_CLIENTS = '(blocked clients)'

/** The traffic of one route in an interval, and its requests in progress. */
export class RouteInterval {
  allowed = 0
  refused = 0
  shadowRefused = 0
  failed = 0
  inFlight = 0
  waiting = 0
  readonly decision = new LatencyHistogram()
  readonly upstream = new LatencyHistogram()
  #model: ModelInterval | undefined
  #statuses: Record<string, number> = {}
  #refusals: Record<string, Record<string, number>> = {}

  get weight(): number {
    return this.allowed + this.refused + this.failed + this.inFlight + this.waiting
  }

  get isBusy(): boolean {
    if (this.weight > 0 || this.shadowRefused > 0 || this.#model !== undefined) return true
    return !this.upstream.isEmpty || !this.decision.isEmpty
  }

  /** @param status 0 if there was no response */
  countStatus(status: number): void {
    const group = status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
    this.#statuses[group] = (this.#statuses[group] ?? 0) + 1
  }

  onBlocked(): void {
    this.refused++
    this.countRefusal(BLOCKED_CLIENTS, 'blocked')
  }

  countRefusal(rule: string, reason: string, count = 1): void {
    const reasons = this.#refusals[rule] ?? {}
    this.#refusals[rule] = reasons
    reasons[reason] = (reasons[reason] ?? 0) + count
  }

  onModelAnswer(answer: ModelAnswer): void {
    this.#model ??= new ModelInterval()
    this.#model.record(answer)
  }

  /** Adds the counts and latencies of another interval, but not its requests in progress. */
  add(other: RouteInterval): void {
    this.decision.add(other.decision)
    this.upstream.add(other.upstream)
    this.allowed += other.allowed
    this.refused += other.refused
    this.shadowRefused += other.shadowRefused
    this.failed += other.failed
    for (const [group, count] of Object.entries(other.#statuses))
      this.#statuses[group] = (this.#statuses[group] ?? 0) + count
    for (const [rule, reasons] of Object.entries(other.#refusals))
      for (const [reason, count] of Object.entries(reasons)) this.countRefusal(rule, reason, count)
    if (other.#model === undefined) return
    this.#model ??= new ModelInterval()
    this.#model.add(other.#model)
  }

  read(): RouteSample {
    const { allowed, refused, shadowRefused, failed, inFlight, waiting } = this
    const [decision, upstream] = [this.decision.read(), this.upstream.read()]
    return {
      ...{ allowed, refused, shadowRefused, failed, decision, upstream, inFlight, waiting },
      ...(this.#model && { model: this.#model.read() }),
      statuses: this.#statuses,
      refusals: this.#refusals,
    }
  }

  /** Starts the next interval. Requests in progress stay. */
  clear(): void {
    this.allowed = this.refused = this.shadowRefused = this.failed = 0
    this.decision.clear()
    this.upstream.clear()
    this.#model = undefined
    this.#statuses = {}
    this.#refusals = {}
  }
}

/** The model calls of one route that ended in an interval. */
class ModelInterval {
  #input = 0
  #output = 0
  readonly #firstToken = new LatencyHistogram()
  readonly #perOutputToken = new LatencyHistogram()

  record({ inputTokens, outputTokens, firstTokenMs, perOutputTokenMs }: ModelAnswer): void {
    this.#input += inputTokens
    this.#output += outputTokens
    if (firstTokenMs !== undefined) this.#firstToken.record(firstTokenMs)
    if (perOutputTokenMs !== undefined) this.#perOutputToken.record(perOutputTokenMs)
  }

  add(other: ModelInterval): void {
    this.#input += other.#input
    this.#output += other.#output
    this.#firstToken.add(other.#firstToken)
    this.#perOutputToken.add(other.#perOutputToken)
  }

  read() {
    return {
      input: this.#input,
      output: this.#output,
      firstToken: this.#firstToken.read(),
      perOutputToken: this.#perOutputToken.read(),
    }
  }
}
