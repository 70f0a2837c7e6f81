import { ModelServer, type ServerFigures } from 'sluice-gateway/replay'
import type { Arrival } from '../arrivals/arrival.js'
import type { Gate, Predictor, WaitingLine } from './gateway-parts.js'
import { type Refusal, type SimulatedRequest, simulatedRequest } from './simulated-request.js'

/** How often a request that the server refused is sent again. */
const MAX_RETRIES = 1
/** How often the gateway looks whether it may send, although nothing has happened. */
const TICK_MS = 100
/** How often the gateway hears of the progress of a response, as the gateway itself does. */
const REPORT_EVERY_MS = 250
/** With hidden tokens, the reports decide when a response begins, so they are more frequent. */
const FINE_REPORT_EVERY_MS = 50

export interface Setup {
  readonly arrivals: readonly Arrival[]
  readonly server: ServerFigures
  readonly line: WaitingLine
  readonly gate: Gate
  readonly predictor?: Predictor
  /** The simulation ends then, and not before all is served if undefined. */
  readonly untilMs?: number
  /** How long a request may wait in the line. Default: for ever. */
  readonly patienceMs?: number
  /** The server refuses requests while so many wait in it. Default: never. */
  readonly serverPlaces?: number
  /** Default: 250. */
  readonly reportEveryMs?: number
  /** Decides among the replicas of the server. Default: 1. */
  readonly seed?: number
}

/** What happened in a simulation. */
export interface Run {
  readonly requests: readonly SimulatedRequest[]
  readonly endedAt: number
  /** Mean numbers of requests that the server had and that waited in it, until the last arrival. */
  readonly serverLoad: { readonly inFlight: number; readonly waiting: number }
}

/** A gateway with a waiting line and a gate in front of a model server, in virtual time. */
export function simulate(setup: Setup): Run {
  return new Simulation(setup).run()
}

class Simulation {
  readonly #requests: readonly SimulatedRequest[]
  readonly #server: ModelServer<SimulatedRequest>
  readonly #line: WaitingLine
  readonly #gate: Gate
  readonly #untilMs: number
  readonly #patienceMs: number
  readonly #waiting = new Set<SimulatedRequest>()
  #now = 0
  #nextArrival = 0
  /** Sum of the times that requests spent in the server and waiting in it, until the last arrival. */
  #inFlightTime = 0
  #queueTime = 0

  constructor(private readonly setup: Setup) {
    this.#requests = setup.arrivals.map((arrival, id) => simulatedRequest(id, arrival))
    this.#line = setup.line
    this.#gate = setup.gate
    this.#untilMs = setup.untilMs ?? Number.POSITIVE_INFINITY
    this.#patienceMs = setup.patienceMs ?? Number.POSITIVE_INFINITY
    const hasHidden = setup.arrivals.some(({ hidden = 0 }) => hidden > 0)
    this.#server = new ModelServer(
      setup.server,
      {
        began: (request, at) => this.#onFirstToken(request, at),
        wrote: (request, output, at) => this.#onWrote(request, output, at),
        ended: (request, at) => this.#onEnded(request, at),
      },
      {
        reportEveryMs: hasHidden ? FINE_REPORT_EVERY_MS : (setup.reportEveryMs ?? REPORT_EVERY_MS),
        seed: setup.seed ?? 1,
      },
    )
  }

  run(): Run {
    for (let tickAt = TICK_MS; ; ) {
      const at = Math.min(
        this.#requests[this.#nextArrival]?.arrival.at ?? Number.POSITIVE_INFINITY,
        this.#server.nextEventAt ?? Number.POSITIVE_INFINITY,
        this.#nextTimeoutAt(),
        this.#line.length > 0 ? tickAt : Number.POSITIVE_INFINITY,
      )
      if (at >= this.#untilMs || at === Number.POSITIVE_INFINITY) break
      if (this.#nextArrival < this.#requests.length)
        this.#inFlightTime += this.#server.inFlight * (at - this.#now)
      this.#now = Math.max(this.#now, at)
      if (this.#server.nextEventAt === at) this.#server.advance()
      else if (this.#requests[this.#nextArrival]?.arrival.at === at) this.#onArrival()
      else if (this.#nextTimeoutAt() === at) this.#onTimeout()
      else tickAt += TICK_MS
      this.#dispatch()
    }
    return this.#result()
  }

  #nextTimeoutAt(): number {
    if (this.#patienceMs === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
    const oldest = this.#waiting.values().next().value
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.arrival.at + this.#patienceMs
  }

  #onArrival(): void {
    const request = this.#requests[this.#nextArrival++] as SimulatedRequest
    this.#queueTime = this.#server.queueTime(this.#now)
    request.predicted = this.setup.predictor?.predict(request) ?? 0
    this.#wait(request)
  }

  #wait(request: SimulatedRequest): void {
    this.#waiting.add(request)
    const loser = this.#line.push(request, this.#now)
    if (loser !== undefined) this.#refuse(loser, loser.refusal ?? 'line full')
  }

  #onTimeout(): void {
    const oldest = this.#waiting.values().next().value as SimulatedRequest
    this.#line.remove(oldest, this.#now)
    this.#refuse(oldest, 'waited too long')
  }

  #refuse(request: SimulatedRequest, refusal: Refusal): void {
    this.#waiting.delete(request)
    request.refusal = refusal
    request.refusedAt = this.#now
  }

  #dispatch(): void {
    while (this.#line.length > 0 && this.#gate.isOpen(this.#now)) {
      const request = this.#line.first(this.#now)
      if (request === undefined) return
      this.#line.sent(request, this.#now)
      this.#waiting.delete(request)
      request.sentAt = this.#now
      this.#gate.sent(request, this.#now)
      if (this.#server.waiting >= (this.setup.serverPlaces ?? Number.POSITIVE_INFINITY))
        this.#onRejected(request)
      else this.#server.submit(request, this.#now)
    }
  }

  #onRejected(request: SimulatedRequest): void {
    this.#gate.rejected?.(request, this.#now)
    this.#line.ended?.(request, this.#now)
    if (request.rejections++ < MAX_RETRIES) this.#wait(request)
    else this.#refuse(request, 'refused by server')
  }

  #onFirstToken(request: SimulatedRequest, at: number): void {
    this.#now = at
    request.firstTokenAt ??= at
    if (request.hidden === 0) this.#begin(request, at)
  }

  #onWrote(request: SimulatedRequest, output: number, at: number): void {
    this.#now = at
    request.written = output
    this.#line.wrote?.(request, output, at)
    if (output <= request.hidden) return
    this.#begin(request, at)
    this.#gate.wrote?.(request, output - request.hidden, at)
  }

  #onEnded(request: SimulatedRequest, at: number): void {
    this.#now = at
    request.written = request.output
    this.#begin(request, at)
    request.endedAt = at
    this.#line.ended?.(request, at)
    this.#gate.ended(request, at)
    this.setup.predictor?.settled(request)
  }

  #begin(request: SimulatedRequest, at: number): void {
    if (request.begunAt !== undefined) return
    request.begunAt = at
    this.#gate.began?.(request, at)
  }

  #result(): Run {
    const endedAt = Number.isFinite(this.#untilMs) ? this.#untilMs : this.#now
    const lastArrival = this.#requests.at(-1)?.arrival.at ?? 0
    return {
      requests: this.#requests,
      endedAt,
      serverLoad: { inFlight: this.#inFlightTime / lastArrival, waiting: this.#queueTime / lastArrival },
    }
  }
}
