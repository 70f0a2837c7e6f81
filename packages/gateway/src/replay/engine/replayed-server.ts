import { ModelServer } from '../server/model-server.js'
import { SampledIntegral } from '../server/sampled-integral.js'
import { MAX_LOGGED, ServedLog } from '../server/served-log.js'
import { type ServerReport, serverReport } from '../server/server-report.js'
import type { ServerListener, ServerRequest } from '../server/server-request.js'
import type { ServerSetup } from '../server/server-setup.js'
import { senderName } from '../trace/sender-ids.js'
import { TraceError, type TraceRequest } from '../trace/trace-request.js'
import type { VirtualTime } from './virtual-time.js'

/** Receives the progress of a request at the server. */
interface ServerProgress {
  /** The first token was written. */
  began?(): void
  /** The output so far, several times a second. */
  wrote?(output: number): void
  /** The request ended; with the output that was written, if it is not the recorded one. */
  ended(output?: number): void
}

export interface ReplayedServerOptions {
  /** True to report the output of running requests, every 250 ms. */
  readonly reportsOutput: boolean
  /** Returns how many requests may be on their way; undefined without a hand-over window. */
  readonly windowNow: (() => number) | undefined
}

/** A request that has arrived, whose client waits for its first token. */
export interface ServerCall extends ServerRequest {
  /** Aborted when the client leaves before the gateway has decided. */
  readonly signal: AbortSignal | undefined
  timer: unknown
  state: 'deciding' | 'sent' | 'over'
  progress: ServerProgress | undefined
  leave: (() => void) | undefined
}

/** The reason of the signal of a client that stopped waiting. */
export class ClientLeftError extends Error {
  override readonly name = 'ClientLeftError'
}

/**
 * The model server behind a replayed gateway. Admitted requests are sent to it, and last as long as
 * it needs for them. Clients that wait too long for the first token leave.
 */
export class ReplayedServer {
  readonly #server: ModelServer<ServerCall>
  readonly #log = new ServedLog()
  readonly #queueTimes = new SampledIntegral()
  /** The sum of the window over time. */
  readonly #windowTimes = new SampledIntegral()
  #windowThen = { at: 0, window: 0, sum: 0 }
  #preemptions = 0
  #tooLong = 0
  #withoutTokens = 0
  /** The event that runs the next event of the server, and its time. */
  #event: { readonly timer: unknown; readonly at: number } | undefined

  constructor(
    private readonly time: VirtualTime,
    private readonly setup: ServerSetup,
    private readonly options: ReplayedServerOptions,
  ) {
    const listener: ServerListener<ServerCall> = {
      began: (call, at) => {
        this.time.stop(call.timer)
        this.#log.began(call.id, at)
        call.progress?.began?.()
      },
      ended: (call, at) => this.#ended(call, at),
      wrote: (call, output) => call.progress?.wrote?.(output),
      preempted: () => {
        this.#preemptions++
      },
    }
    this.#server = new ModelServer(
      setup.figures,
      listener,
      options.reportsOutput ? { reportEveryMs: 250 } : {},
    )
  }

  /** Registers a request; returns undefined if the trace lacks its tokens. @throws TraceError */
  arrived(recorded: TraceRequest): ServerCall | undefined {
    const { input, output = 0, cached } = recorded
    if (input === undefined) {
      this.#withoutTokens++
      return undefined
    }
    if (this.#log.isFull)
      throw new TraceError(
        `a replay with a server has at most ${MAX_LOGGED.toLocaleString('en')} requests; replay a part of the trace`,
      )
    const id = this.#log.arrived(senderName(recorded), this.time.now(), input, output)
    const { patienceMs } = this.setup
    const abort = patienceMs === undefined ? undefined : new AbortController()
    const call: ServerCall = {
      ...{ id, input, output, cached, signal: abort?.signal },
      ...{ timer: undefined, state: 'deciding', progress: undefined, leave: undefined },
    }
    if (abort === undefined || patienceMs === undefined) return call
    call.leave = () => abort.abort(new ClientLeftError('the client stopped waiting'))
    call.timer = this.time.start(() => this.#leave(call), patienceMs)
    return call
  }

  /** Notes that a request does not reach the server: it was refused, or its client left. */
  leftOut(call: ServerCall): void {
    this.time.stop(call.timer)
    call.state = 'over'
    this.#log.leftOut(call.id, this.time.now())
  }

  /** Sends an admitted request to the server. */
  send(call: ServerCall, progress?: ServerProgress): void {
    if (!this.#server.canServe(call)) {
      this.#tooLong++
      this.leftOut(call)
      progress?.ended(0)
      return
    }
    call.state = 'sent'
    call.progress = progress
    const now = this.time.now()
    this.#log.sent(call.id, now)
    this.#server.submit(call, now)
    this.#schedule()
  }

  /** Ends a request that was sent, once the server has finished its current event. */
  cut(call: ServerCall): void {
    this.time.start(() => this.#leave(call), 0)
  }

  /** @param origin milliseconds since the epoch at time 0 of the replay */
  report(origin: number): ServerReport {
    const counts = {
      ...{ preemptions: this.#preemptions, tooLong: this.#tooLong, withoutTokens: this.#withoutTokens },
      queueTimeAt: (at: number) => this.#queueTimes.valueAt(at),
      windowTimeAt: this.options.windowNow && ((at: number) => this.#windowTimes.valueAt(at)),
    }
    return serverReport(this.setup, this.#log, counts, origin)
  }

  #leave(call: ServerCall): void {
    if (call.state === 'deciding') call.leave?.()
    else if (call.state === 'sent') {
      const now = this.time.now()
      const output = this.#server.cancel(call.id, now)
      call.state = 'over'
      this.#log.ended(call.id, now)
      this.#schedule()
      call.progress?.ended(output)
    }
  }

  #ended(call: ServerCall, at: number): void {
    call.state = 'over'
    this.#log.ended(call.id, at)
    call.progress?.ended()
  }

  /** Schedules the next event of the server, whose time each call may change. */
  #schedule(): void {
    const now = this.time.now()
    this.#queueTimes.note(now, this.#server.queueTime(now))
    this.#noteWindow(now)
    const at = this.#server.nextEventAt
    if (at === this.#event?.at) return
    this.time.stop(this.#event?.timer)
    this.#event = undefined
    if (at === undefined) return
    const run = () => {
      this.#event = undefined
      this.#server.advance()
      this.#schedule()
    }
    this.#event = { at, timer: this.time.startAt(run, at) }
  }

  #noteWindow(now: number): void {
    const { windowNow } = this.options
    if (windowNow === undefined) return
    const { at, window, sum } = this.#windowThen
    this.#windowThen = { at: now, window: windowNow(), sum: sum + window * (now - at) }
    this.#windowTimes.note(now, this.#windowThen.sum)
  }
}
