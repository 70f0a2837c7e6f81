import { AnswerHistory, type EndedResponse, type OffReason } from './answer-history.js'
import { BeginTimes } from './begin-times.js'
import { GapCap } from './gap-cap.js'
import { LoadCap } from './load-cap.js'
import { PendingDocuments } from './pending-documents.js'
import { UnqueuedTimes } from './unqueued-time.js'
import { type Rejection, UpstreamHold } from './upstream-hold.js'

export interface WindowOptions {
  /** Maximum number of requests in flight, whatever the window says. At least 1. */
  readonly max: number
  /** The servers behind the upstream's address. At least 1. */
  readonly replicas: number
  /** What to favor: a short queue in the server, or that it is never idle. Default: `latency`. */
  readonly keep?: 'latency' | 'throughput'
  /** The time per output token that streams shall keep, in milliseconds. Default: none. */
  readonly gapMs?: number | undefined
  /** True if the server does work before the first output that no usage reports. */
  readonly hasHiddenWork?: boolean
  /** The URL at which the server reports its load. Default: its load is unknown. */
  readonly metrics?: string | undefined
}

/** What a server's own metrics say. */
export interface ServerLoad {
  readonly waiting: number
  /** The used part of the memory for running requests, from 0 to 1; undefined if unknown. */
  readonly memoryUsed: number | undefined
}

/** The window at one moment, for metrics. */
export interface WindowState {
  /** Requests that may be sent and not begun. */
  readonly window: number
  /** Requests that may be in flight. */
  readonly cap: number
  readonly inFlight: number
  readonly notBegun: number
  readonly begunPerSecond: number
  /** The time in which a response begins if nothing is queued, in milliseconds. */
  readonly unqueuedMs: number
  /** The requests that probably wait in the server. */
  readonly serverQueue: number
  /** The time per output token, in milliseconds. */
  readonly gapMs: number
  /** Why the window does not limit; undefined if it does. */
  readonly off: OffReason | undefined
  /** The milliseconds for which nothing is sent, because the upstream is overloaded. */
  readonly holdMs: number
}

/** A request that was sent. Belongs to its window. */
export class SentRequest {
  /** When output was reported last; the moment the response began before that. */
  reportedAt = 0
  /** Output that was reported; the response begins with one token. */
  output = 1
  hasBegun = false
  /** True once the upstream has sent something of the response. A document may begin before. */
  isAnswered = false
  hasEnded = false

  constructor(
    readonly input: number,
    readonly sentAt: number,
    readonly isStream: boolean,
    readonly beginsAt: number,
  ) {}
}

const TICK_MS = 500
const MAX_TICK_MS = 10 * TICK_MS
const MIN_BEGUN = 5
const MAX_WINDOW = 2048
const FIRST_WINDOW = 4
/** The window reaches this with one more for each response that begins. */
const LAST_FIRST_WINDOW = 8
const MIN_GAP_TOKENS = 20
/** Sizes of which the unqueued time is averaged. */
const SIZES_REMEMBERED = 64
const MIN_RATE_MEMORY_MS = 5_000
const METRICS_VALID_MS = 3_000
const MAX_MEMORY_USED = 0.95
const IDLE_MS = 60_000
/** Responses that must have ended before the window's start is over. */
const MIN_RESPONSES = 24
/** How much longer than a token's gap the first step of a response takes, on average. */
const FIRST_STEP_GAPS = 1.5

/**
 * Limits the requests that were sent to a model server and whose response has not begun.
 *
 * A server with continuous batching takes a request into its batch when it has room, and the first
 * output shows that it did. So requests whose response has not begun are queued in the server, or
 * are being read. Little's law says how many those are if nothing is queued: the responses that
 * begin per second, times the time in which one begins. The window is that number and a little more,
 * so the server never runs dry and its own queue stays at a few requests:
 *
 *     window = replicas / 2 + in flight / 100 + (1 + κ) · begun per second · unqueued time
 *
 * κ is 0.1; 0.5 with `keep: throughput`, or if much of the unqueued time is hidden output. The
 * window moves by at most a tenth every half second, and only while requests wait for it. It does
 * not depend on how long responses are. Limits that control the latency of whole responses, such
 * as TCP Vegas and the gradient limits of Netflix's concurrency-limits, take a long answer for a
 * queue.
 *
 * Bounds: at most `max` requests are in flight. The window is from 1 to 2,048, so at least one
 * request may be sent while none is in flight, except for at most 30 s after the upstream has said
 * that it is overloaded. Memory: 13 kB and one object per request in flight.
 *
 * It mistakes work that nothing reports for a queue. So it is off without `usage` in most of the last
 * 24 streams, without a stream among the last 50 responses, and with `hasHiddenWork`. Then only `max`,
 * the gap, the server's own metrics and the upstream's signals limit.
 *
 * All times are milliseconds of one monotonic clock. Constants were found by simulation: see
 * `docs/scheduling.md`.
 */
export class HandOverWindow {
  #options: WindowOptions
  readonly #unqueued = new UnqueuedTimes()
  readonly #beginTimes = new BeginTimes()
  readonly #answers = new AnswerHistory()
  readonly #documents = new PendingDocuments<SentRequest>()
  readonly #hold = new UpstreamHold()
  #gapCap: GapCap | undefined
  #window = FIRST_WINDOW
  #inFlight = 0
  /** Since the last update. */
  #mostInFlight = 0
  #notBegun = 0
  #lastUpdateAt = Number.NEGATIVE_INFINITY
  #lastEndAt = Number.NEGATIVE_INFINITY
  /** Since when a request waits for the window. */
  #closedSince: number | undefined
  /** How long requests waited for the window since the last update. */
  #closedMs = 0
  #begun = 0
  #gapTokens = 0
  #gapTime = 0
  #gapMs = 0
  /** Responses that begin per millisecond. */
  #rate = 0
  #unqueuedMs = 0
  readonly #lastInputs = new Float64Array(SIZES_REMEMBERED)
  #inputs = 0
  #isStarting = true
  /** True if requests waited for the window since the last check of its start. */
  #hadDemand = false
  /** The rate at the last check of whether the start is over, and its time. */
  #checked = { rate: 0, at: Number.NEGATIVE_INFINITY }
  readonly #loadCap = new LoadCap()
  #load: (ServerLoad & { readonly at: number }) | undefined
  #gateways = 1

  constructor(options: WindowOptions) {
    this.#options = options
    this.#gapCap = options.gapMs === undefined ? undefined : new GapCap(options.gapMs)
  }

  /** Replaces the options. What was learned of the server is kept. */
  configure(options: WindowOptions): void {
    const { gapMs } = options
    if (gapMs !== this.#options.gapMs) this.#gapCap = gapMs === undefined ? undefined : new GapCap(gapMs)
    this.#options = options
  }

  /** The number of gateways that send to the same upstream. Each may cause its part of the queue. */
  set gateways(gateways: number) {
    this.#gateways = Math.max(1, gateways)
  }

  /** Reports whether a request may be sent now. Ask only for a request that waits. */
  isOpen(now: number): boolean {
    this.#advance(now)
    if (now < this.#hold.until) return false
    if (this.#hold.isTesting && this.#notBegun > 0) return false
    if (this.#inFlight === 0) return true
    if (this.#inFlight >= this.#capAt(now)) return false
    if (this.#off !== undefined || this.#notBegun < Math.floor(this.#window)) return true
    this.#closedSince ??= now
    return false
  }

  /** Returns when to ask again, although no request begins or ends until then; undefined if never. */
  nextChangeAt(now: number): number | undefined {
    if (now < this.#hold.until) return this.#hold.until
    if (this.#inFlight === 0) return undefined
    const tickAt = Math.max(now, this.#lastUpdateAt) + TICK_MS
    return Math.min(tickAt, this.#documents.nextAt ?? tickAt)
  }

  /**
   * Records that a request is sent.
   *
   * @param input input tokens that the server must read
   * @param isStream false if the response comes as one document, so that its beginning is not seen
   */
  sent(now: number, input: number, isStream: boolean): SentRequest {
    this.#advance(now)
    if (this.#inFlight === 0) this.#onFirst(now)
    const { sentAt, beginsAt } = { sentAt: now, beginsAt: now + this.#unqueuedOf(input) }
    const request = new SentRequest(input, sentAt, isStream, beginsAt)
    this.#inFlight++
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight)
    this.#notBegun++
    if (!isStream) this.#documents.add(request)
    return request
  }

  /** Records the first output of a response: text, a thought, a tool call or the usage. Idempotent. */
  began(request: SentRequest, now: number): void {
    this.#advance(now)
    this.#onAnswer(request, now)
  }

  /** @param output output tokens so far */
  wrote(request: SentRequest, now: number, output: number): void {
    this.began(request, now)
    if (request.hasEnded || output <= request.output || !request.isStream) return
    // Output that came with the beginning took no time of its own.
    if (request.output > 1 || now > request.reportedAt) {
      this.#gapTokens += output - request.output
      this.#gapTime += now - request.reportedAt
    }
    request.output = output
    request.reportedAt = now
  }

  /** Records that a request has ended. Idempotent. @param response undefined if nothing is known of it */
  ended(request: SentRequest, now: number, response: EndedResponse | undefined): void {
    this.#advance(now)
    if (request.hasEnded) return
    if (response !== undefined) {
      this.#onAnswer(request, now)
      this.#answers.add(response)
    }
    this.#leave(request, now)
  }

  /**
   * Records that the upstream has rejected a request before its response began. Idempotent.
   *
   * @param retryAfterMs when the upstream wants requests again
   */
  rejected(request: SentRequest, now: number, kind: Rejection, retryAfterMs?: number): void {
    this.#advance(now)
    if (request.hasEnded) return
    this.#leave(request, now)
    const span = this.#beginTimes.predict(request.input) ?? this.#unqueuedMs
    if (this.#hold.onRejection(kind, now, span, retryAfterMs)) this.#window = Math.max(1, 0.7 * this.#window)
  }

  /** Takes what the server's own metrics say. It counts for 3 s. */
  onLoad(load: ServerLoad, now: number): void {
    this.#advance(now)
    this.#load = { ...load, at: now }
    this.#loadCap.update(load.waiting, this.#allowedQueue, this.#inFlight, this.#mayGrow)
  }

  /**
   * Predicts the milliseconds from sending a request until its response begins, so that nine of ten
   * begin earlier. 0 before such a request was seen.
   */
  predictBegin(input: number): number {
    return this.#beginTimes.predict(input) ?? 0
  }

  state(now: number): WindowState {
    this.#advance(now)
    const expected = this.#rate * this.#unqueuedMs
    return {
      window: this.#off === undefined ? Math.floor(this.#window) : this.#capAt(now),
      cap: this.#capAt(now),
      inFlight: this.#inFlight,
      notBegun: this.#notBegun,
      begunPerSecond: 1_000 * this.#rate,
      unqueuedMs: this.#unqueuedMs,
      serverQueue: Math.max(0, this.#notBegun - expected),
      gapMs: this.#gapMs,
      off: this.#off,
      holdMs: Math.max(0, this.#hold.until - now),
    }
  }

  get #off(): OffReason | undefined {
    return this.#options.hasHiddenWork === true ? 'hidden work' : this.#answers.doubt
  }

  get #cap(): number {
    const { max } = this.#options
    return this.#gapCap === undefined ? max : Math.min(max, Math.floor(this.#gapCap.limit))
  }

  /** While the window is off, fresh metrics limit what is in flight. */
  #capAt(now: number): number {
    const isUsed =
      this.#off !== undefined && this.#load !== undefined && now - this.#load.at <= METRICS_VALID_MS
    return isUsed ? Math.min(this.#cap, Math.floor(this.#loadCap.limit)) : this.#cap
  }

  /** The requests that may wait in the server: half a request per replica, and one per hundred in flight. */
  get #allowedQueue(): number {
    return (this.#options.replicas / 2 + this.#inFlight / 100) / this.#gateways
  }

  /** How long the server works on output that it does not show, per response. */
  get #hiddenMs(): number {
    return this.#gapMs * this.#answers.meanHidden
  }

  #unqueuedOf(input: number): number {
    return this.#unqueued.of(input) + FIRST_STEP_GAPS * this.#gapMs + this.#hiddenMs
  }

  /** Starts again after a pause, in which the server may have changed. What was learned of it is kept. */
  #onFirst(now: number): void {
    if (now - this.#lastEndAt < IDLE_MS) return
    this.#window = FIRST_WINDOW
    this.#rate = 0
    this.#isStarting = true
    this.#lastUpdateAt = now
    this.#checked = { rate: 0, at: now }
    this.#begun = 0
    this.#closedMs = 0
  }

  /** Only an answer shows that the upstream takes requests again, not that one should have begun. */
  #onAnswer(request: SentRequest, now: number): void {
    if (request.hasEnded) return
    if (!request.isAnswered) this.#hold.onBegun(request.sentAt)
    request.isAnswered = true
    this.#began(request, now)
  }

  #began(request: SentRequest, now: number): void {
    if (request.hasBegun || request.hasEnded) return
    request.hasBegun = true
    request.reportedAt = now
    const wasFull = this.#notBegun >= Math.floor(this.#window)
    this.#notBegun--
    this.#onRoom(now)
    this.#begun++
    this.#lastInputs[this.#inputs++ % SIZES_REMEMBERED] = request.input
    if (this.#isStarting && wasFull && this.#window < LAST_FIRST_WINDOW && this.#mayGrow) this.#window++
    if (!request.isStream) {
      this.#documents.remove(request)
      return
    }
    const elapsed = now - request.sentAt
    this.#beginTimes.add(request.input, elapsed)
    this.#unqueued.add(request.input, Math.max(0, elapsed - FIRST_STEP_GAPS * this.#gapMs))
  }

  #leave(request: SentRequest, now: number): void {
    request.hasEnded = true
    this.#inFlight--
    this.#lastEndAt = now
    if (request.hasBegun) return
    this.#notBegun--
    this.#onRoom(now)
    if (!request.isStream) this.#documents.remove(request)
  }

  #onRoom(now: number): void {
    if (this.#closedSince === undefined || this.#notBegun >= Math.floor(this.#window)) return
    this.#closedMs += now - this.#closedSince
    this.#closedSince = undefined
  }

  #advance(now: number): void {
    for (let due = this.#documents.takeDue(now); due !== undefined; due = this.#documents.takeDue(now))
      this.#began(due, now)
    const elapsed = now - this.#lastUpdateAt
    if (elapsed < TICK_MS || (this.#begun < MIN_BEGUN && elapsed < MAX_TICK_MS)) return
    this.#update(now, elapsed)
    this.#lastUpdateAt = now
  }

  #update(now: number, elapsed: number): void {
    if (this.#closedSince !== undefined) {
      this.#closedMs += now - this.#closedSince
      this.#closedSince = now
    }
    const wasClosed = this.#closedMs > 0.1 * elapsed
    if (wasClosed) this.#hadDemand = true
    if (this.#gapTokens >= MIN_GAP_TOKENS) {
      this.#gapMs = this.#gapTime / this.#gapTokens
      this.#gapCap?.update(this.#gapMs, this.#mostInFlight)
    }
    this.#gapTokens = 0
    this.#gapTime = 0
    this.#measure(elapsed)
    const work = this.#rate * this.#unqueuedMs
    if (this.#isStarting) this.#start(now, work)
    else this.#move(wasClosed, this.#allowedQueue + (1 + this.#kappa) * work)
    this.#heed(now)
    this.#mostInFlight = this.#inFlight
    this.#begun = 0
    this.#closedMs = 0
  }

  #measure(elapsed: number): void {
    const memory = Math.max(MIN_RATE_MEMORY_MS, this.#hiddenMs)
    this.#rate += (1 - Math.exp(-elapsed / memory)) * (this.#begun / elapsed - this.#rate)
    const known = Math.min(this.#inputs, SIZES_REMEMBERED)
    let sum = 0
    for (let index = 0; index < known; index++) sum += this.#unqueuedOf(this.#lastInputs[index] as number)
    if (known > 0) this.#unqueuedMs = sum / known
  }

  get #kappa(): number {
    const isHidden = this.#hiddenMs > Math.max(2 * this.#gapMs, 0.1 * this.#unqueuedMs)
    return isHidden || this.#options.keep === 'throughput' ? 0.5 : 0.1
  }

  /**
   * Grows until more requests in the server no longer make it begin more responses. Without requests
   * that wait, the responses that begin say nothing about what the server can do.
   */
  #start(now: number, work: number): void {
    const next = Math.min(this.#allowedQueue + 2 * work, 1.1 * this.#window)
    if (this.#mayGrow) this.#window = Math.min(MAX_WINDOW, Math.max(this.#window, next))
    if (now - this.#checked.at < 2 * Math.max(1_000, this.#unqueuedMs)) return
    const isSteady = this.#rate < 1.15 * this.#checked.rate && this.#answers.responses >= MIN_RESPONSES
    if (isSteady && this.#hadDemand) this.#isStarting = false
    this.#hadDemand = false
    this.#checked = { rate: this.#rate, at: now }
  }

  #move(wasClosed: boolean, target: number): void {
    const window = this.#window
    if (target < window) {
      // While none waits, fewer responses begin than could: the next burst needs the window as it is.
      if (this.#closedMs > 0) this.#window = Math.max(1, window - Math.min(window - target, 0.1 * window))
    } else if (wasClosed && this.#mayGrow)
      this.#window = Math.min(MAX_WINDOW, window + Math.min(target - window, Math.max(1, 0.1 * window)))
  }

  get #mayGrow(): boolean {
    return (this.#load?.memoryUsed ?? 0) < MAX_MEMORY_USED
  }

  /** Heeds the server's own metrics while they are fresh. Without them nothing changes. */
  #heed(now: number): void {
    if (this.#load === undefined) return
    if (now - this.#load.at > METRICS_VALID_MS) {
      this.#load = undefined
      return
    }
    const excess = this.#load.waiting - this.#allowedQueue
    if (excess > this.#allowedQueue) this.#window = Math.max(1, this.#window - excess / 2)
  }
}
