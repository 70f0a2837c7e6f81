import type { EndedResponse } from '../overload/answer-history.js'
import {
  HandOverWindow,
  type SentRequest,
  type ServerLoad,
  type WindowOptions,
  type WindowState,
} from '../overload/hand-over-window.js'
import type { Rejection } from '../overload/upstream-hold.js'
import type { Sending, ServedWork, Service } from './service.js'

/** Maximum number of windows that are remembered while none of their requests is in flight. */
const MAX_IDLE_WINDOWS = 256

/** Interval at which a request is sent although its response would probably begin too late. */
const PROBE_INTERVAL_MS = 5_000

/** How long the load of a server is watched after its last request has ended, in milliseconds. */
const WATCHED_IDLE_MS = 60_000

/**
 * Watches the load that a server reports at a URL.
 *
 * @param onLoad called from time to time; undefined if the load is unknown
 * @returns stops watching
 */
export type WatchLoad = (url: string, onLoad: (load: ServerLoad | undefined) => void) => () => void

export interface PoolWindowsOptions {
  /** Returns milliseconds. */
  readonly now: () => number
  /** Called when a window may be open that was not. */
  readonly onRoom: (poolId: string) => void
  /** Default: the metrics of servers are not read. */
  readonly watchLoad?: WatchLoad | undefined
  readonly maxIdle?: number
}

interface PoolWindow {
  readonly window: HandOverWindow
  options: WindowOptions
  inFlight: number
  idleSince: number
  /** True if the request that is tried now would be sent although its response probably begins too late. */
  isProbing: boolean
  /** When such a request was sent last. */
  probedAt: number
  /** Undefined while the load of the server is not watched. */
  unwatch: (() => void) | undefined
}

/** The hand-over windows of pools. */
export class PoolWindows {
  readonly #options: PoolWindowsOptions
  readonly #windows = new Map<string, PoolWindow>()
  /** The pools without a request in flight. The one that has been idle longest comes first. */
  readonly #idle = new Set<string>()

  constructor(options: PoolWindowsOptions) {
    this.#options = options
  }

  /** Returns the milliseconds after which to ask again; undefined if a request may be sent now. */
  closedFor(poolId: string, options: WindowOptions): number | undefined {
    const now = this.#options.now()
    const { window } = this.#of(poolId, options)
    if (window.isOpen(now)) return undefined
    return Math.max(1, (window.nextChangeAt(now) ?? now) - now)
  }

  /** Records that a request is sent. */
  begin(poolId: string, { window: options, input, isStream }: Sending): Service {
    const pool = this.#of(poolId, options)
    pool.inFlight++
    this.#idle.delete(poolId)
    this.#watch(poolId, pool)
    const { window } = pool
    const now = this.#options.now()
    if (pool.isProbing) pool.probedAt = now
    pool.isProbing = false
    const request = window.sent(now, input, isStream)
    return new SentService(window, request, {
      now: this.#options.now,
      onRoom: () => this.#options.onRoom(poolId),
      onEnd: () => this.#onEnd(poolId, pool),
    })
  }

  /**
   * Reports whether the response of a request that is sent now probably begins in time. One request is
   * sent all the same every 5 s if no other is on its way, because a prediction may be out of date.
   *
   * @param leftMs the time in which it must begin, in milliseconds
   */
  mayBegin(poolId: string, input: number, leftMs: number): boolean {
    const pool = this.#windows.get(poolId)
    const now = this.#options.now()
    if (pool === undefined) return true
    const isLate = pool.window.predictBegin(input) > leftMs
    pool.isProbing =
      isLate && now - pool.probedAt >= PROBE_INTERVAL_MS && pool.window.state(now).notBegun === 0
    return !isLate || pool.isProbing
  }

  /** Predicts when the responses ahead have begun, in milliseconds; undefined if unknown. */
  expectedWaitMs(poolId: string, ahead: number): number | undefined {
    const known = this.#windows.get(poolId)?.window.state(this.#options.now())
    const { begunPerSecond = 0, holdMs = 0 } = known ?? {}
    return begunPerSecond > 0 ? holdMs + (1_000 * (ahead + 1)) / begunPerSecond : undefined
  }

  get poolIds(): Iterable<string> {
    return this.#windows.keys()
  }

  /** Tells the windows how many gateways send to their servers. @param of by pool */
  setGateways(of: (poolId: string) => number): void {
    for (const [poolId, { window }] of this.#windows) window.gateways = of(poolId)
  }

  get states(): ReadonlyMap<string, WindowState> {
    const now = this.#options.now()
    return new Map([...this.#windows].map(([poolId, { window }]) => [poolId, window.state(now)]))
  }

  #of(poolId: string, options: WindowOptions): PoolWindow {
    const known = this.#windows.get(poolId)
    if (known !== undefined) {
      if (known.options !== options) {
        known.options = options
        known.window.configure(options)
      }
      return known
    }
    const created = {
      ...{ window: new HandOverWindow(options), options, inFlight: 0 },
      ...{ isProbing: false, probedAt: Number.NEGATIVE_INFINITY },
      ...{ idleSince: this.#options.now(), unwatch: undefined },
    }
    this.#windows.set(poolId, created)
    this.#setIdle(poolId)
    return created
  }

  #onEnd(poolId: string, pool: PoolWindow): void {
    pool.inFlight--
    if (pool.inFlight > 0) return
    pool.idleSince = this.#options.now()
    this.#setIdle(poolId)
  }

  #setIdle(poolId: string): void {
    this.#idle.add(poolId)
    const [oldest] = this.#idle
    if (oldest === undefined || this.#idle.size <= (this.#options.maxIdle ?? MAX_IDLE_WINDOWS)) return
    this.#windows.get(oldest)?.unwatch?.()
    this.#windows.delete(oldest)
    this.#idle.delete(oldest)
  }

  #watch(poolId: string, pool: PoolWindow): void {
    const { metrics } = pool.options
    const { watchLoad, now, onRoom } = this.#options
    if (metrics === undefined || watchLoad === undefined || pool.unwatch !== undefined) return
    pool.unwatch = watchLoad(metrics, (load) => {
      if (load !== undefined) {
        pool.window.onLoad(load, now())
        onRoom(poolId)
      }
      if (pool.inFlight > 0 && metrics === pool.options.metrics) return
      if (pool.inFlight > 0 || now() - pool.idleSince >= WATCHED_IDLE_MS) {
        pool.unwatch?.()
        pool.unwatch = undefined
      }
    })
  }
}

interface SentServiceEvents {
  now(): number
  onRoom(): void
  onEnd(): void
}

/** A request that was sent to the server of a window. */
class SentService implements Service {
  /** What the response says about its server; undefined if it says nothing. */
  #response: EndedResponse | undefined
  #shown: number | undefined
  #hasEnded = false

  constructor(
    private readonly window: HandOverWindow,
    private readonly request: SentRequest,
    private readonly events: SentServiceEvents,
  ) {}

  began(): void {
    if (this.request.hasBegun || this.request.hasEnded) return
    this.window.began(this.request, this.events.now())
    this.events.onRoom()
  }

  wrote(_output: number, shown: number): void {
    this.#shown = Math.max(this.#shown ?? 0, shown)
    if (shown === 0) return
    const { hasBegun } = this.request
    this.window.wrote(this.request, this.events.now(), shown)
    if (!hasBegun) this.events.onRoom()
  }

  served({ output, shown = this.#shown ?? output ?? 0, isEstimated, isCut }: ServedWork): void {
    if (isCut === true) return
    const reported = isEstimated === true ? undefined : output
    this.#response ??= { isStream: this.request.isStream, output: reported, visibleOutput: shown }
  }

  rejected(kind: Rejection, retryAfterMs?: number): void {
    if (this.request.isAnswered) return
    this.window.rejected(this.request, this.events.now(), kind, retryAfterMs)
    this.events.onRoom()
  }

  takeBack(): void {
    this.#response = undefined
    this.window.ended(this.request, this.events.now(), undefined)
    this.events.onRoom()
  }

  end(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.window.ended(this.request, this.events.now(), this.#response)
    this.events.onEnd()
  }
}
