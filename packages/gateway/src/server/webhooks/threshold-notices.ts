import { capacityOf, formatLimit, type LimiterEvent } from 'sluice'
import { BoundedCache, formatThreshold } from 'sluice/internal'
import type { RequestSender } from '../../policy/policy-request.js'
import type { Log } from '../logging/log.js'
import type { ClientRedaction } from '../observability/client-redaction.js'
import type { Observer } from '../observability/observer.js'
import type { Notice } from './outbox.js'

/** An event that a key has reached a threshold. */
type ThresholdEvent = LimiterEvent & { readonly type: 'threshold' }

/** Maximum number of thresholds that are remembered. Forgotten ones are reported again. */
const MAX_KNOWN = 50_000
/** Time for which a notice is remembered after its window, in milliseconds. */
const REMEMBER_AFTER_MS = 3_600_000

export interface ThresholdOptions {
  readonly log: Pick<Log, 'warn'>
  readonly redaction: ClientRedaction
  /** Called once for each threshold. */
  readonly onThreshold: (route: string, event: ThresholdEvent) => void
  readonly send: (notice: Notice) => void
}

/** Reports each threshold once: in the log, in a metric and to the webhooks. */
export class ThresholdNotices implements Partial<Observer> {
  readonly #options: ThresholdOptions
  /** The IDs of thresholds that were reported. Several workers may announce the same one. */
  readonly #known = new BoundedCache<string, true>(MAX_KNOWN)

  constructor(options: ThresholdOptions) {
    this.#options = options
  }

  onLimiterEvent(route: string, event: LimiterEvent<RequestSender>): void {
    if (event.type !== 'threshold' || this.#known.get(event.id) !== undefined) return
    this.#known.set(event.id, true)
    const { log, redaction, onThreshold, send } = this.#options
    const { id, rule, resource, key, used, limit, reset } = event
    onThreshold(route, event)
    log.warn(
      {
        ...{ route, rule, resource },
        client: redaction.redact(key),
        threshold: formatThreshold(event.threshold),
        ...{ used, limit: capacityOf(limit), reset: new Date(reset).toISOString(), id },
      },
      'threshold reached',
    )
    send(noticeOf(route, event))
  }
}

/** Returns the notice of a threshold for the webhooks. */
export function noticeOf(route: string, event: ThresholdEvent): Notice {
  const { id, rule, resource, key, threshold, used, limit, start, reset } = event
  const body = JSON.stringify({
    type: 'threshold',
    ...{ id, route, rule, resource, key, threshold, used },
    limit: capacityOf(limit),
    policy: formatLimit(limit),
    period: { start: new Date(start).toISOString(), end: new Date(reset).toISOString() },
  })
  const rememberMs = Math.max(0, Math.ceil(reset - Date.now())) + REMEMBER_AFTER_MS
  return { id, body, rememberMs }
}
