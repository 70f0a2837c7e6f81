import { randomBytes } from 'node:crypto'
import type { Timers } from 'sluice'
import { systemTimers, withinDeadline } from 'sluice/internal'
import type { Log } from '../logging/log.js'
import type { Month } from './months.js'
import { addSpend, entryOf, otherKey, type RequestSpend, type Spend, type SpendEntry } from './spend-entry.js'
import type { SpendBatch, SpendLedger } from './spend-ledger.js'

/** Maximum number of entries that wait for the ledger. The spend of further ones is added to entries for others. */
const MAX_WAITING = 10_000
/** Maximum number of entries in a batch. Redis is blocked while it adds them, for less than a millisecond. */
const MAX_BATCH = 50
/** The timeout of a call of the ledger, in milliseconds. */
const DEADLINE_MS = 2000
/** The delay before a batch is sent again. It doubles with each failure, up to the maximum. */
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 5000

/** Counts for the metrics, in requests except for `waiting`. */
export interface SpendStats {
  /** Number of entries that wait for the ledger. */
  readonly waiting: number
  /** Requests whose spend was counted in an entry for others, because there are too many entries. */
  readonly other: number
  /** Requests whose spend was lost. */
  readonly dropped: number
}

/** Receives the spend of requests. */
export interface SpendSink {
  add(spent: RequestSpend): void
}

export interface SpendRecorderOptions {
  readonly ledger: Pick<SpendLedger, 'add'>
  readonly log: Pick<Log, 'info' | 'error'>
  /** The timeout of a call of the ledger, in milliseconds. Infinity for none. */
  readonly deadlineMs?: number
  readonly maxWaiting?: number
  readonly now?: () => number
  readonly timers?: Pick<Timers, 'start' | 'stop'>
}

/**
 * Adds the spend of requests to the ledger at once, in batches that follow each other. While the ledger
 * is unavailable, the spend waits in bounded memory: that of requests with the same key is summed, and
 * that of too many keys is counted in entries for others.
 */
export class SpendRecorder implements SpendSink {
  readonly #options: SpendRecorderOptions
  readonly #writer = randomBytes(9).toString('base64url')
  readonly #maxWaiting: number
  readonly #now: () => number
  readonly #timers: Pick<Timers, 'start' | 'stop'>
  #waiting = new Map<Month, Map<string, Spend>>()
  #waitingCount = 0
  /** The batch that is being added, which is sent again until it is. */
  #batch: SpendBatch | undefined
  #sequence = 0
  #delayMs = FIRST_DELAY_MS
  #retry: unknown
  #isSending = false
  #failure: string | undefined
  #other = 0
  #dropped = 0
  #isClosed = false
  /** Number of entries that were added to the ledger. */
  #delivered = 0
  /** What waits until the ledger has a number of entries. */
  #flushes: { readonly until: number; readonly resolve: () => void }[] = []

  constructor(options: SpendRecorderOptions) {
    this.#options = options
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING
    this.#now = options.now ?? Date.now
    this.#timers = options.timers ?? systemTimers
  }

  get stats(): SpendStats {
    const waiting = this.#waitingCount + (this.#batch?.entries.size ?? 0)
    return { waiting, other: this.#other, dropped: this.#dropped }
  }

  /** Why the ledger was unavailable at the last call; undefined if it was available. */
  get failure(): string | undefined {
    return this.#failure
  }

  add(spent: RequestSpend): void {
    this.#enqueue(entryOf(spent, this.#now()))
    this.#send()
  }

  /** Adds what requests of another process have spent. */
  addBatch({ month, entries }: Pick<SpendBatch, 'month' | 'entries'>): void {
    for (const [key, spend] of entries) this.#enqueue({ month, key, spend })
    this.#send()
  }

  /**
   * Waits until everything that was added so far is in the ledger, or the timeout has passed.
   *
   * @returns false if something is not in the ledger
   */
  flush(timeoutMs: number): Promise<boolean> {
    const { waiting } = this.stats
    if (waiting === 0) return Promise.resolve(true)
    const delivered = new Promise<true>((resolve) =>
      this.#flushes.push({ until: this.#delivered + waiting, resolve: () => resolve(true) }),
    )
    // A ledger that was away may be back.
    this.#sendNow()
    return withinDeadline(delivered, timeoutMs, systemTimers).catch(() => false)
  }

  /** Adds what waits, for at most this time. What is left is counted as lost, and logged. */
  async close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs)
    this.#isClosed = true
    this.#timers.stop(this.#retry)
    const left = [...this.#waiting.values(), ...(this.#batch === undefined ? [] : [this.#batch.entries])]
    const requests = left
      .flatMap((entries) => [...entries.values()])
      .reduce((sum, each) => sum + each.requests, 0)
    if (requests > 0) this.#drop(requests, this.#failure ?? 'the gateway stopped before they were added')
  }

  #enqueue({ month, key, spend }: SpendEntry): void {
    const entries = this.#waiting.get(month) ?? new Map<string, Spend>()
    this.#waiting.set(month, entries)
    const hasRoom = entries.has(key) || this.#waitingCount < this.#maxWaiting
    const target = hasRoom ? key : otherKey(month, key)
    const before = entries.get(target)
    const sum = addSpend(before, spend)
    if (sum === undefined) {
      this.#drop(spend.requests, 'the amount exceeds 64 bits')
      return
    }
    if (!hasRoom) this.#other += spend.requests
    if (before === undefined) this.#waitingCount++
    entries.set(target, sum)
  }

  /** Sends the next batch, unless one is being sent or waits for its retry. */
  #send(): void {
    if (this.#retry === undefined) this.#sendNow()
  }

  #sendNow(): void {
    if (this.#isSending || this.#isClosed) return
    this.#timers.stop(this.#retry)
    this.#retry = undefined
    this.#batch ??= this.#nextBatch()
    if (this.#batch === undefined) return
    this.#isSending = true
    void this.#deliver(this.#batch).then((isAdded) => {
      this.#isSending = false
      if (isAdded) this.#sendNow()
      else this.#scheduleRetry()
    })
  }

  async #deliver(batch: SpendBatch): Promise<boolean> {
    const { ledger, deadlineMs = DEADLINE_MS } = this.#options
    try {
      const adding = ledger.add(batch)
      const { other, refused } = await (Number.isFinite(deadlineMs)
        ? withinDeadline(adding, deadlineMs, systemTimers)
        : adding)
      this.#batch = undefined
      this.#delivered += batch.entries.size
      this.#other += other
      if (refused > 0) this.#drop(refused, 'the amount exceeds 64 bits')
      this.#onSuccess()
      const ended = this.#flushes.filter(({ until }) => until <= this.#delivered)
      this.#flushes = this.#flushes.filter((flush) => !ended.includes(flush))
      for (const { resolve } of ended) resolve()
      return true
    } catch (error) {
      this.#onFailure((error as Error).message)
      return false
    }
  }

  #scheduleRetry(): void {
    if (this.#isClosed) return
    this.#retry = this.#timers.start(() => this.#sendNow(), this.#delayMs, true)
    this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS)
  }

  #nextBatch(): SpendBatch | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const [month, waiting] = first
    const entries = new Map<string, Spend>()
    for (const [key, spend] of waiting) {
      if (entries.size === MAX_BATCH) break
      entries.set(key, spend)
      waiting.delete(key)
    }
    if (waiting.size === 0) this.#waiting.delete(month)
    this.#waitingCount -= entries.size
    return { writer: this.#writer, sequence: ++this.#sequence, month, entries }
  }

  #onSuccess(): void {
    this.#delayMs = FIRST_DELAY_MS
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#options.log.info({}, 'the ledger of spend is available again')
  }

  #onFailure(reason: string): void {
    if (this.#failure === undefined)
      this.#options.log.error({ reason }, 'the ledger of spend is unavailable; spend waits in memory')
    this.#failure = reason
  }

  #drop(requests: number, reason: string): void {
    this.#dropped += requests
    this.#options.log.error({ requests, reason }, 'the spend of requests was lost')
  }
}
