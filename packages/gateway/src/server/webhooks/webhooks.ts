import { createHash } from 'node:crypto'
import { systemTimers, withinDeadline } from 'sluice/internal'
import type { WebhookConfig } from '../../policy/config/config.js'
import { shownUrl } from '../../policy/config/shown-url.js'
import type { Log } from '../logging/log.js'
import type { ClaimedNotice, Notice, Outbox } from './outbox.js'
import { signatureOf } from './signature.js'

/** Interval at which notices are looked for that other processes left or that are to be retried. */
const POLL_INTERVAL_MS = 1000
/** Timeout of one call of the outbox. */
const OUTBOX_TIMEOUT_MS = 2000
/** Maximum number of attempts at the same time, for each receiver. */
const MAX_CONCURRENT = 10
/** Maximum number of notices that wait for the outbox. */
const MAX_WAITING = 10_000
/** The delay after the first failure. It doubles with each further one, up to the maximum. */
const FIRST_DELAY_MS = 1000
const MAX_DELAY_MS = 600_000
/** Time by which a lease exceeds the timeout of an attempt. */
const LEASE_MARGIN_MS = 5000

/** How an attempt ended; `abandoned` if it was the last one. */
export type DeliveryOutcome = 'delivered' | 'failed' | 'abandoned'

export interface WebhookOptions {
  readonly outbox: Outbox
  readonly log: Pick<Log, 'warn' | 'error' | 'info'>
  readonly onDelivery?: (outcome: DeliveryOutcome) => void
  /** Called for notices that are dropped, because too many wait. */
  readonly onDropped?: () => void
  /** False in a process that only adds notices, for others to send. Default: true. */
  readonly delivers?: boolean
  /** Default: the system's. */
  readonly random?: () => number
}

interface Receiver extends WebhookConfig {
  /** Identifies the URL in the outbox. */
  readonly target: string
  /** The URL without its query, which may contain secrets. */
  readonly label: string
}

/**
 * Sends notices to webhooks, at least once each. A notice is first added to the outbox, and removed
 * from it after a receiver has accepted it with a status of 2xx. A process that claims a notice and
 * is killed loses its lease, and another one sends the notice.
 */
export class Webhooks {
  readonly #options: WebhookOptions
  #receivers: readonly Receiver[] = []
  /** Notices that are not in the outbox yet, by ID. */
  readonly #waiting = new Map<string, Notice>()
  /** Attempts in progress, by receiver. */
  readonly #attempts = new Map<string, Set<Promise<void>>>()
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isRunAgain = false
  #isOutboxLost = false
  #isClosed = false

  constructor(options: WebhookOptions) {
    this.#options = options
  }

  /** Replaces the receivers. Notices to receivers that are gone stay in the outbox. */
  configure(webhooks: readonly WebhookConfig[]): void {
    this.#receivers = webhooks.map((webhook) => ({
      ...webhook,
      target: targetOf(webhook.url),
      label: shownUrl(webhook.url),
    }))
    if (webhooks.length > 0) void this.#withOutbox((outbox) => outbox.open())
    this.#run()
  }

  /** Sends a notice to every receiver. */
  send(notice: Notice): void {
    if (this.#receivers.length === 0 || this.#waiting.has(notice.id)) return
    if (this.#waiting.size >= MAX_WAITING) {
      this.#options.onDropped?.()
      return
    }
    this.#waiting.set(notice.id, notice)
    // Added in this turn, so that it is in the outbox before the request goes upstream.
    void this.#add(notice).then(() => this.#run())
  }

  /** Adds the notices that are not in the outbox yet, if it can be reached. */
  flush(): Promise<void> {
    return this.#addWaiting()
  }

  /**
   * Waits for the attempts in progress, and aborts them after the grace period. Settles at most
   * {@link OUTBOX_TIMEOUT_MS} after the grace period, even if the outbox hangs.
   */
  async close(gracePeriodMs: number): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    const timer = setTimeout(() => this.#abort.abort(), gracePeriodMs).unref()
    await within(gracePeriodMs + OUTBOX_TIMEOUT_MS, this.#finish()).catch(() => {})
    clearTimeout(timer)
    const { outbox, log } = this.#options
    const lost = this.#waiting.size + outbox.volatile
    if (lost > 0) log.warn({ lost }, 'webhook notices lost: the gateway is stopping')
    await outbox.close()
  }

  /** Adds the waiting notices to the outbox, and waits for the attempts in progress. */
  async #finish(): Promise<void> {
    await this.#running
    if (this.#waiting.size > 0) await this.#addWaiting()
    await Promise.all([...this.#attempts.values()].flatMap((attempts) => [...attempts]))
  }

  /** Starts a run, or another one after the current one. */
  #run(): void {
    clearTimeout(this.#timer)
    if (this.#isClosed || this.#receivers.length === 0) return
    if (this.#running !== undefined) {
      this.#isRunAgain = true
      return
    }
    this.#running = this.#work().finally(() => {
      this.#running = undefined
      if (this.#isClosed) return
      if (this.#isRunAgain) {
        this.#isRunAgain = false
        this.#run()
      } else this.#timer = setTimeout(() => this.#run(), POLL_INTERVAL_MS).unref()
    })
  }

  async #work(): Promise<void> {
    await this.#addWaiting()
    if (this.#options.delivers === false) return
    for (const receiver of this.#receivers) {
      if (this.#isClosed) return
      await this.#claim(receiver)
    }
  }

  /** Adds the notices that could not be added before, up to the first that still cannot. */
  async #addWaiting(): Promise<void> {
    for (const notice of this.#waiting.values()) if (!(await this.#add(notice))) return
  }

  /** Adds a notice to the outbox. Returns false if that is not possible now. */
  async #add(notice: Notice): Promise<boolean> {
    const targets = this.#receivers.map(({ target }) => target)
    const added = await this.#withOutbox((outbox) => outbox.add(notice, targets))
    if (added === undefined || added === 'full') return false
    this.#waiting.delete(notice.id)
    return true
  }

  async #claim(receiver: Receiver): Promise<void> {
    const attempts = this.#attempts.get(receiver.target) ?? new Set()
    this.#attempts.set(receiver.target, attempts)
    const free = MAX_CONCURRENT - attempts.size
    if (free <= 0) return
    const leaseMs = receiver.timeoutMs + LEASE_MARGIN_MS
    const claimed = await this.#withOutbox((outbox) => outbox.claim(receiver.target, leaseMs, free))
    for (const notice of claimed ?? []) {
      const attempt = this.#attempt(receiver, notice).finally(() => {
        attempts.delete(attempt)
        this.#run()
      })
      attempts.add(attempt)
    }
  }

  async #attempt(receiver: Receiver, notice: ClaimedNotice): Promise<void> {
    const { target, label, retryMs } = receiver
    const { id, attempt, ageMs } = notice
    const { log, onDelivery, random = Math.random } = this.#options
    const failure = await this.#post(receiver, notice)
    if (failure === undefined) {
      onDelivery?.('delivered')
      await this.#withOutbox((outbox) => outbox.remove(target, id))
      return
    }
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS) * (0.5 + random() / 2)
    if (ageMs + delayMs > retryMs) {
      onDelivery?.('abandoned')
      log.error({ webhook: label, id, attempts: attempt, reason: failure }, 'giving up on a webhook notice')
      await this.#withOutbox((outbox) => outbox.remove(target, id))
      return
    }
    onDelivery?.('failed')
    if (attempt === 1)
      log.warn({ webhook: label, id, reason: failure }, 'webhook notice not delivered; retrying')
    await this.#withOutbox((outbox) => outbox.postpone(target, id, delayMs))
  }

  /** Sends a notice. Returns the reason of a failure. */
  async #post(
    { url, secret, timeoutMs }: Receiver,
    { id, body }: ClaimedNotice,
  ): Promise<string | undefined> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        // The receiver is configured; another address would get the notice unasked.
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'sluice-gateway',
          'sluice-webhook-id': id,
          'sluice-signature': signatureOf(secret, Math.floor(Date.now() / 1000), body),
        },
        body,
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#abort.signal]),
      })
      await response.body?.cancel()
      return response.ok ? undefined : `status ${response.status}`
    } catch (error) {
      const { message, cause } = error as Error
      return cause instanceof Error ? cause.message : message
    }
  }

  /**
   * Calls the outbox. Returns undefined if it is unavailable or does not respond in time, which is
   * logged once.
   */
  async #withOutbox<T>(call: (outbox: Outbox) => Promise<T>): Promise<T | undefined> {
    const { outbox, log } = this.#options
    try {
      const result = await within(OUTBOX_TIMEOUT_MS, call(outbox))
      if (this.#isOutboxLost) log.info({}, 'the webhook outbox is available again')
      this.#isOutboxLost = false
      return result
    } catch (error) {
      if (!this.#isOutboxLost)
        log.warn({ reason: (error as Error).message }, 'the webhook outbox is unavailable; retrying')
      this.#isOutboxLost = true
      return undefined
    }
  }
}

function within<T>(milliseconds: number, call: Promise<T>): Promise<T> {
  return withinDeadline(call, milliseconds, systemTimers)
}

function targetOf(url: string): string {
  return createHash('sha256').update(url).digest('base64url').slice(0, 16)
}
