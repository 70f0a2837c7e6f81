import type { LimiterEvent } from 'sluice'
import type { Block } from '../../policy/acts/access-list.js'
import { clientLabel } from '../../policy/client-label.js'
import type { LogConfig } from '../../policy/config/config.js'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Log } from '../logging/log.js'
import type { ClientRedaction } from './client-redaction.js'
import { SpaceSaving } from './metrics/space-saving.js'
import type { Observer } from './observer.js'

/**
 * Maximum number of refusals logged individually in each interval; the others are summarized in one
 * line.
 */
const LINES_PER_INTERVAL = 10
const INTERVAL_MS = 1000
/** Maximum numbers of rules, clients, and pairs of both in a summary. */
const MAX_RULES = 10
const MAX_CLIENTS = 5
const MAX_PAIRS = 5
/** Number of counters used to find the most refused clients and pairs. */
const COUNTERS = 100

export interface RefusalLogOptions {
  readonly log: Pick<Log, 'warn'>
  readonly redaction: ClientRedaction
  /** Schedules a call, and returns a function that cancels it. Default: an unreferenced timer. */
  readonly after?: (milliseconds: number, call: () => void) => () => void
}

/**
 * Logs refused requests with their client, rule and retry time, including those of blocked clients. The number of lines per second is
 * bounded: further refusals are summarized.
 */
export class RefusalLog implements Partial<Observer> {
  readonly #log: RefusalLogOptions['log']
  readonly #after: NonNullable<RefusalLogOptions['after']>
  readonly #redaction: ClientRedaction
  #config: LogConfig
  #lines = 0
  #summary = new RefusalSummary()
  /** Cancels the timer that ends the interval; undefined until a request is refused. */
  #cancel: (() => void) | undefined

  constructor(config: LogConfig, { log, redaction, after = unreferencedTimer }: RefusalLogOptions) {
    this.#config = config
    this.#redaction = redaction
    this.#log = log
    this.#after = after
  }

  /** Applies a changed configuration. */
  configure(config: LogConfig): void {
    this.#config = config
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    if (event.type !== 'refused') return
    const { rule, reason, resource, cost, remaining, retryAfter } = event.refusal
    this.#refused({ route, rule, reason, resource }, event.request, {
      ...(event.client?.tier !== undefined && { tier: event.client.tier.slice(0, 64) }),
      ...{ cost, remaining },
      // Absent for a request that can never be admitted.
      ...(Number.isFinite(retryAfter) && { retryAfterMs: Math.ceil(retryAfter) }),
    })
  }

  onBlocked(route: string, request: RequestSender, { reason: rule, until }: Block): void {
    const retry = until !== undefined && { retryAfterMs: Math.max(0, until - Date.now()) }
    this.#refused({ route, rule, reason: 'blocked' }, request, { ...retry })
  }

  #refused(cause: Cause & { readonly resource?: string }, request: RequestSender, more: object): void {
    if (!this.#config.refusals) return
    const client = clientLabel(request)
    this.#cancel ??= this.#after(INTERVAL_MS, () => this.#endInterval())
    if (this.#lines >= LINES_PER_INTERVAL) {
      this.#summary.add(cause, client)
      return
    }
    this.#lines++
    const requestId = request.id !== undefined && { requestId: request.id }
    this.#log.warn(
      { ...cause, client: this.#redaction.redact(client), ...requestId, ...more },
      'request refused',
    )
  }

  /** Logs the pending summary. */
  close(): void {
    this.#cancel?.()
    this.#endInterval()
  }

  #endInterval(): void {
    const summary = this.#summary
    this.#cancel = undefined
    this.#lines = 0
    if (summary.count === 0) return
    this.#summary = new RefusalSummary()
    const clients = summary
      .topClients()
      .map(({ client, count }) => ({ client: this.#redaction.redact(client), count }))
    const requests = summary.count === 1 ? 'request' : 'requests'
    const message = `${summary.count.toLocaleString('en-US')} more ${requests} refused in the last second`
    const heaviest = summary
      .topPairs()
      .map((each) => ({ ...each, client: this.#redaction.redact(each.client) }))
    this.#log.warn({ more: summary.count, heaviest, rules: summary.topRules(), clients }, message)
  }
}

interface Cause {
  readonly route: string
  /** The name of the rule. For a blocked client, the reason of the act, or `deny`. */
  readonly rule: string
  readonly reason: string
}

/** Counts the refusals that are not logged individually. */
class RefusalSummary {
  count = 0
  readonly #causes = new Map<string, { readonly cause: Cause; count: number }>()
  readonly #clients = new SpaceSaving(COUNTERS)
  /** Each key is a client, a route and a rule, as JSON. */
  readonly #pairs = new SpaceSaving(COUNTERS)

  add({ route, rule, reason }: Cause, client: string): void {
    this.count++
    this.#clients.add(client)
    this.#pairs.add(JSON.stringify([client, route, rule]))
    const id = JSON.stringify([route, rule, reason])
    const known = this.#causes.get(id)
    if (known === undefined) this.#causes.set(id, { cause: { route, rule, reason }, count: 1 })
    else known.count++
  }

  topRules() {
    const top = [...this.#causes.values()].sort((a, b) => b.count - a.count).slice(0, MAX_RULES)
    return top.map(({ cause, count }) => ({ ...cause, count }))
  }

  /** Returns the most refused pairs of a client and a rule, with lower bounds of their counts. */
  topPairs() {
    return topOf(this.#pairs, MAX_PAIRS).map(({ key, count }) => {
      const [client, route, rule] = JSON.parse(key) as [string, string, string]
      return { client, route, rule, count }
    })
  }

  /** Returns the most refused clients, with lower bounds of their counts. */
  topClients() {
    return topOf(this.#clients, MAX_CLIENTS).map(({ key, count }) => ({ client: key, count }))
  }
}

/** Returns the keys with the highest lower bounds of their counts. */
function topOf(counters: SpaceSaving, max: number): { readonly key: string; readonly count: number }[] {
  const counted = counters.keys.map((key) => {
    const { count, error } = counters.countOf(key)
    return { key, count: Math.max(1, count - error) }
  })
  return counted.sort((a, b) => b.count - a.count).slice(0, max)
}

function unreferencedTimer(milliseconds: number, call: () => void): () => void {
  const timer = setTimeout(call, milliseconds)
  timer.unref()
  return () => clearTimeout(timer)
}
