import type { MaybePromise } from 'sluice'
import {
  type Ahead,
  admitsInLine,
  type Dispatch,
  type LineCandidate,
  type Lines,
  type Outcome,
  onAborted,
  type Pool,
  type Service,
  type WaitingRequest,
} from 'sluice/internal'
import type { LineCall, LineReply, RemoteAttempt, ServiceReport } from './line-protocol.js'

/** The lines of a worker, which are in the primary. */
export interface RemoteLines extends Lines {
  /** Handles the messages of the primary. */
  onReplies(replies: readonly LineReply[]): void
}

/** What was decided on a request, until the primary says whether it counts. */
type Kept = { readonly result: unknown } | { readonly error: unknown }

interface Entry {
  readonly request: WaitingRequest<unknown>
  readonly resolve: (outcome: Outcome<unknown>) => void
  readonly reject: (error: unknown) => void
  readonly unsubscribe: (() => void) | undefined
  isAttempting: boolean
  kept: Kept | undefined
  /** True once the client has disconnected. */
  hasLeft: boolean
}

/**
 * Creates the lines of a worker. All calls of one turn of the event loop are sent in one message, in
 * their order.
 *
 * @param send sends calls; the messages of the primary are passed to `onReplies`
 * @param ticket returns the place of a request that arrives now among those of all workers
 */
export function remoteLines(send: (calls: readonly LineCall[]) => void, ticket: () => number): RemoteLines {
  return new WorkerLines(send, ticket)
}

class WorkerLines implements RemoteLines {
  readonly #send: (calls: readonly LineCall[]) => void
  readonly #ticket: () => number
  readonly #entries = new Map<number, Entry>()
  readonly #questions = new Map<number, (ahead: Ahead | undefined) => void>()
  #batch: LineCall[] = []
  #lastId = 0
  #areIdle = true

  constructor(send: (calls: readonly LineCall[]) => void, ticket: () => number) {
    this.#send = send
    this.#ticket = ticket
  }

  get areIdle(): boolean {
    return this.#areIdle && this.#entries.size === 0
  }

  newTicket(): number {
    return this.#ticket()
  }

  ahead(candidate: LineCandidate): MaybePromise<Ahead | undefined> {
    const admitting = candidate.pools.find(admitsInLine)
    if (admitting !== undefined) return { poolId: admitting.id, isFull: false }
    if (this.areIdle || candidate.pools.length === 0) return undefined
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#questions.set(id, resolve)
      this.#call({ operation: 'ahead', id, candidate: sendable(candidate) })
    })
  }

  enter<T>(request: WaitingRequest<T>, poolId: string, minWaitMs: number): Promise<Outcome<T>> {
    const { signal } = request
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const id = ++this.#lastId
      this.#entries.set(id, {
        request: request as WaitingRequest<unknown>,
        resolve: resolve as (outcome: Outcome<unknown>) => void,
        reject,
        unsubscribe: signal && onAborted(signal, () => this.#onAbort(id, signal)),
        isAttempting: false,
        kept: undefined,
        hasLeft: false,
      })
      const canCheck = request.checkEarly !== undefined
      this.#call({
        operation: 'enter',
        ...{ id, candidate: sendable(request), poolId, minWaitMs, canCheck },
      })
    })
  }

  begin(poolId: string, dispatch: Dispatch): Service {
    const id = ++this.#lastId
    this.#call({ operation: 'begin', id, poolId, dispatch })
    const report = (each: ServiceReport) => this.#call({ operation: 'service', id, report: each })
    return {
      began: () => report({ kind: 'began' }),
      wrote: (output, shown) => report({ kind: 'wrote', output, shown }),
      served: (work) => report({ kind: 'served', work }),
      rejected: (reason, retryAfterMs) => report({ kind: 'rejected', reason, retryAfterMs }),
      takeBack: () => report({ kind: 'takenBack' }),
      end: () => report({ kind: 'ended' }),
    }
  }

  onFreed(scope: string, key: string, heldMs?: number): void {
    this.#call({ operation: 'freed', scope, key, heldMs })
  }

  onReplies(replies: readonly LineReply[]): void {
    for (const reply of replies) this.#onReply(reply)
  }

  #onReply(reply: LineReply): void {
    if (reply.reply === 'idle') {
      this.#areIdle = reply.areIdle
      return
    }
    if (reply.reply === 'ahead') {
      this.#questions.get(reply.id)?.(reply.ahead)
      this.#questions.delete(reply.id)
      return
    }
    const entry = this.#entries.get(reply.id)
    if (entry === undefined) {
      this.#onReplyToUnknown(reply)
      return
    }
    switch (reply.reply) {
      case 'attempt':
        void this.#attempt(reply.id, entry)
        return
      case 'check':
        void this.#check(reply.id, entry)
        return
      case 'late':
        this.#dispose(reply.id, entry)
        return
      case 'left':
        this.#finish(reply.id, entry, reply.outcome)
    }
  }

  /** The client of the request has disconnected. The primary must not wait for an answer. */
  #onReplyToUnknown({ reply, id }: Exclude<LineReply, { reply: 'idle' }>): void {
    if (reply === 'attempt') this.#call({ operation: 'attempted', id, attempt: { kept: 'error' } })
    else if (reply === 'check') this.#call({ operation: 'checked', id, isDecided: false })
  }

  async #attempt(id: number, entry: Entry): Promise<void> {
    entry.isAttempting = true
    const attempt = await this.#decide(entry)
    entry.isAttempting = false
    this.#call({ operation: 'attempted', id, attempt })
    // The client has disconnected, or the primary went on without this worker.
    if (entry.hasLeft || !this.#entries.has(id)) this.#dispose(id, entry)
  }

  async #decide(entry: Entry): Promise<RemoteAttempt> {
    try {
      const attempt = await entry.request.attempt()
      if (!('result' in attempt)) return attempt
      entry.kept = attempt
      return { kept: 'decision' }
    } catch (error) {
      entry.kept = { error }
      return { kept: 'error' }
    }
  }

  async #check(id: number, entry: Entry): Promise<void> {
    let result: unknown
    try {
      result = await entry.request.checkEarly?.()
    } catch {}
    // An attempt that is under way decides.
    const isDecided = result !== undefined && entry.kept === undefined
    if (isDecided) entry.kept = { result }
    this.#call({ operation: 'checked', id, isDecided })
  }

  #onAbort(id: number, { reason }: AbortSignal): void {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.hasLeft) return
    entry.hasLeft = true
    this.#call({ operation: 'leave', id })
    entry.reject(reason)
    if (!entry.isAttempting) this.#dispose(id, entry)
  }

  /** Ends a wait whose decision no longer counts. */
  #dispose(id: number, entry: Entry): void {
    const { kept } = entry
    this.#entries.delete(id)
    entry.unsubscribe?.()
    entry.kept = undefined
    if (kept !== undefined && 'result' in kept) entry.request.onLateResult(kept.result)
  }

  #finish(id: number, entry: Entry, outcome: (LineReply & { reply: 'left' })['outcome']): void {
    const { kept } = entry
    if (entry.hasLeft || !('kept' in outcome)) {
      // The worker may have decided meanwhile, or be deciding.
      this.#dispose(id, entry)
      if (!('kept' in outcome)) entry.resolve(outcome)
      return
    }
    this.#entries.delete(id)
    entry.unsubscribe?.()
    entry.kept = undefined
    if (kept === undefined) entry.reject(new Error('the primary could not decide'))
    else if ('error' in kept) entry.reject(kept.error)
    else entry.resolve(kept)
  }

  #call(call: LineCall): void {
    if (this.#batch.length === 0) setImmediate(() => this.#flush())
    this.#batch.push(call)
  }

  #flush(): void {
    const calls = this.#batch
    this.#batch = []
    this.#send(calls)
  }
}

/** Copies a candidate without what only its worker knows, such as the rules of its pools. */
function sendable({ ticket, waiter, pools }: LineCandidate): LineCandidate {
  return { ticket, waiter, pools: pools.map(sendablePool) }
}

function sendablePool(pool: Pool): Pool {
  const { id, scope, timeoutMs, maxQueued, isPerClient, share, window, rank, deadline } = pool
  return { id, scope, timeoutMs, maxQueued, isPerClient, share, window, rank, deadline }
}

/**
 * Returns tickets in the order of arrival in all processes of the machine: microseconds of its
 * monotonic clock.
 */
export function machineTickets(): () => number {
  let last = 0
  return () => {
    const now = Number(process.hrtime.bigint() / 1000n)
    last = Math.max(last + 1, now)
    return last
  }
}
