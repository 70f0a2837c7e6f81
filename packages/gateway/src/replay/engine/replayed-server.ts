import { ModelServer } from '../server/model-server.js'
import { SampledIntegral } from '../server/sampled-integral.js'
import { MAX_LOGGED, ServedLog } from '../server/served-log.js'
import { type ServerReport, serverReport } from '../server/server-report.js'
import type { ServerListener, ServerRequest } from '../server/server-request.js'
import type { ServerSetup } from '../server/server-setup.js'
import { senderName } from '../trace/sender-ids.js'
import { TraceError, type TraceRequest } from '../trace/trace-request.js'
import type { VirtualTime } from './virtual-time.js'

/** Called when a request ends, with the output that was written if it is not the recorded one. */
type EndHandler = (output?: number) => void

/** A request that has arrived, whose client waits for its first token. */
export interface ServerCall extends ServerRequest {
  /** Aborted when the client leaves before the gateway has decided. */
  readonly signal: AbortSignal | undefined
  timer: unknown
  state: 'deciding' | 'sent' | 'over'
  onEnd: EndHandler | undefined
  /** Receives the output so far. */
  onWrote: ((output: number) => void) | undefined
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
  #preemptions = 0
  #tooLong = 0
  #withoutTokens = 0
  /** The event that runs the next event of the server, and its time. */
  #event: { readonly timer: unknown; readonly at: number } | undefined

  /** @param reportsOutput true to report the output of running requests, every 250 ms */
  constructor(
    private readonly time: VirtualTime,
    private readonly setup: ServerSetup,
    reportsOutput = false,
  ) {
    const listener: ServerListener<ServerCall> = {
      began: (call, at) => {
        this.time.stop(call.timer)
        this.#log.began(call.id, at)
      },
      ended: (call, at) => this.#ended(call, at),
      wrote: (call, output) => call.onWrote?.(output),
      preempted: () => {
        this.#preemptions++
      },
    }
    this.#server = new ModelServer(setup.figures, listener, reportsOutput ? { reportEveryMs: 250 } : {})
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
      ...{ timer: undefined, state: 'deciding', onEnd: undefined, onWrote: undefined, leave: undefined },
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
  send(call: ServerCall, onEnd?: EndHandler, onWrote?: (output: number) => void): void {
    if (!this.#server.canServe(call)) {
      this.#tooLong++
      this.leftOut(call)
      onEnd?.(0)
      return
    }
    call.state = 'sent'
    call.onEnd = onEnd
    call.onWrote = onWrote
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
      call.onEnd?.(output)
    }
  }

  #ended(call: ServerCall, at: number): void {
    call.state = 'over'
    this.#log.ended(call.id, at)
    call.onEnd?.()
  }

  /** Schedules the next event of the server, whose time each call may change. */
  #schedule(): void {
    const now = this.time.now()
    this.#queueTimes.note(now, this.#server.queueTime(now))
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
}
