import { Replica, SPARE } from './replica.js'
import type { ServerFigures } from './server-figures.js'
import type { ServerListener, ServerRequest } from './server-request.js'

export interface ModelServerOptions {
  /** Interval of the reports of output, in milliseconds. Default: no reports. */
  readonly reportEveryMs?: number | undefined
  /** Seed of the choice between replicas. Default: 1. */
  readonly seed?: number | undefined
}

/**
 * A model server in virtual time: one replica or several behind one address. A request goes to the
 * one of two random replicas that has fewer requests.
 *
 *     const server = new ModelServer(SERVER_PRESETS['llama-3.1-8b-a100'], { began, ended })
 *     server.submit({ id: 1, input: 500, output: 100 }, 0)
 *     while (server.nextEventAt !== undefined) server.advance()
 *
 * Before a call with the time t, the caller must have run all events before t.
 */
export class ModelServer<R extends ServerRequest> {
  readonly #replicas: readonly Replica<R>[]
  readonly #replicaOf = new Map<number, Replica<R>>()
  readonly #random: () => number

  constructor(
    readonly figures: ServerFigures,
    listener: ServerListener<R>,
    { reportEveryMs, seed = 1 }: ModelServerOptions = {},
  ) {
    const { replicas } = figures
    this.#random = mulberry32(seed)
    const own: ServerListener<R> = {
      began: (request, at) => listener.began(request, at),
      ended: (request, at) => {
        this.#replicaOf.delete(request.id)
        listener.ended(request, at)
      },
      wrote: (request, output, at) => listener.wrote?.(request, output, at),
      preempted: (request, at) => listener.preempted?.(request, at),
    }
    this.#replicas = Array.from({ length: replicas }, () => new Replica(figures, own, reportEveryMs))
  }

  /** Number of requests that have not ended. */
  get inFlight(): number {
    return this.#replicaOf.size
  }

  /** Number of requests that wait in the server. */
  get waiting(): number {
    return this.#replicas.reduce((sum, { waiting }) => sum + waiting, 0)
  }

  /** Time of the next event; undefined if there is none. Submitting and cancelling may change it. */
  get nextEventAt(): number | undefined {
    return this.#next?.nextEventAt
  }

  /** Returns the sum of the times that requests have waited in the server until now, in milliseconds. */
  queueTime(now: number): number {
    return this.#replicas.reduce((sum, replica) => sum + replica.queueTime(now), 0)
  }

  /** Reports whether a replica has the memory for a request. Others can never run. */
  canServe({ input, output }: ServerRequest): boolean {
    return input + output <= this.figures.kvTokens * (1 - SPARE)
  }

  /** Accepts a request. @throws RangeError if the server can never run it */
  submit(request: R, now: number): void {
    if (!this.canServe(request))
      throw new RangeError(
        `a request of ${request.input + request.output} tokens does not fit into a KV cache of ${this.figures.kvTokens}`,
      )
    const replica = this.#choose()
    this.#replicaOf.set(request.id, replica)
    replica.submit(request, now)
  }

  /**
   * Cancels a request. A running one leaves at the end of the step.
   *
   * @returns the output tokens that were written
   */
  cancel(id: number, now: number): number {
    const replica = this.#replicaOf.get(id)
    this.#replicaOf.delete(id)
    return replica?.cancel(id, now) ?? 0
  }

  /** Runs the next event and tells the listener. Does nothing if there is none. */
  advance(): void {
    this.#next?.advance()
  }

  get #next(): Replica<R> | undefined {
    let next: Replica<R> | undefined
    for (const replica of this.#replicas) {
      const at = replica.nextEventAt
      if (at !== undefined && at < (next?.nextEventAt ?? Number.POSITIVE_INFINITY)) next = replica
    }
    return next
  }

  #choose(): Replica<R> {
    const { length } = this.#replicas
    const first = Math.floor(this.#random() * length)
    const second = (first + 1 + Math.floor(this.#random() * (length - 1))) % length
    const [one, other] = [this.#replicas[first], this.#replicas[second]] as [Replica<R>, Replica<R>]
    return other.inFlight < one.inFlight ? other : one
  }
}

/** Creates a generator of numbers from 0 to 1, exclusive, the same for a seed on every machine. */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
