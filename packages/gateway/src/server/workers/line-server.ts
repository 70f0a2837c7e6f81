import type { Timers } from 'sluice'
import {
  type Attempt,
  type Lines,
  type Outcome,
  type Service,
  systemTimers,
  type Unserved,
} from 'sluice/internal'
import type { LineCall, LineReply } from './line-protocol.js'

/** A request of a worker that waits. */
interface RemoteEntry {
  readonly client: AbortController
  onAttempted: ((attempt: Attempt<typeof KEPT>) => void) | undefined
  failAttempt: ((error: Error) => void) | undefined
  onChecked: ((result: typeof KEPT | undefined) => void) | undefined
  failCheck: ((error: Error) => void) | undefined
}

/** Stands for a decision that the worker keeps. */
const KEPT = { kept: true } as const

/** A worker that has not decided after this time no longer keeps others waiting, in milliseconds. */
const ATTEMPT_TIMEOUT_MS = 2_000

/** The worker did not decide in time. */
class LateWorkerError extends Error {
  override readonly name = 'LateWorkerError'
}

/** Lets the requests of one worker wait in the lines of the primary. */
export class LineServer {
  readonly #lines: Lines
  readonly #send: (replies: readonly LineReply[]) => void
  readonly #entries = new Map<number, RemoteEntry>()
  readonly #services = new Map<number, Service>()
  #batch: LineReply[] = []
  #hasExited = false

  constructor(
    lines: Lines,
    send: (replies: readonly LineReply[]) => void,
    private readonly timers: Pick<Timers, 'start' | 'stop'> = systemTimers,
  ) {
    this.#lines = lines
    this.#send = send
  }

  /** Handles the calls of one message in their order. */
  onCalls(calls: readonly LineCall[]): void {
    for (const call of calls) this.#onCall(call)
  }

  /** Tells the worker whether requests wait. */
  setIdle(areIdle: boolean): void {
    this.#reply({ reply: 'idle', areIdle })
  }

  /** Ends the waits and the service of the worker's requests, because it has exited. */
  close(): void {
    this.#hasExited = true
    const gone = new Error('the worker has exited')
    for (const entry of this.#entries.values()) {
      entry.client.abort(gone)
      entry.failAttempt?.(gone)
      entry.failCheck?.(gone)
    }
    this.#entries.clear()
    for (const service of this.#services.values()) service.end()
    this.#services.clear()
  }

  #onCall(call: LineCall): void {
    switch (call.operation) {
      case 'ahead':
        void this.#tellAhead(call)
        return
      case 'enter':
        void this.#enter(call)
        return
      case 'leave':
        this.#entries.get(call.id)?.client.abort(new Error('the client has disconnected'))
        return
      case 'attempted':
        this.#onAttempted(call)
        return
      case 'checked':
        this.#entries.get(call.id)?.onChecked?.(call.isDecided ? KEPT : undefined)
        return
      case 'begin':
        this.#services.set(call.id, this.#lines.begin(call.poolId, call.dispatch))
        return
      case 'service':
        this.#onService(call)
        return
      case 'freed':
        this.#lines.onFreed(call.scope, call.key, call.heldMs)
    }
  }

  async #tellAhead({ id, candidate }: LineCall & { operation: 'ahead' }): Promise<void> {
    this.#reply({ reply: 'ahead', id, ahead: await this.#lines.ahead(candidate) })
  }

  async #enter(call: LineCall & { operation: 'enter' }): Promise<void> {
    const { id, candidate, poolId, minWaitMs, canCheck } = call
    const client = new AbortController()
    const entry: RemoteEntry = {
      client,
      ...{ onAttempted: undefined, failAttempt: undefined },
      ...{ onChecked: undefined, failCheck: undefined },
    }
    this.#entries.set(id, entry)
    const request = {
      ...candidate,
      signal: client.signal,
      attempt: () => this.#askInTime(id, entry),
      checkEarly: canCheck ? () => this.#askForCheck(id, entry) : undefined,
      onLateResult: () => this.#reply({ reply: 'late', id }),
    }
    try {
      const outcome: Outcome<typeof KEPT> = await this.#lines.enter(request, poolId, minWaitMs)
      this.#reply({ reply: 'left', id, outcome: 'result' in outcome ? outcome.result : outcome })
    } catch (error) {
      // Its attempt failed, and the worker keeps the error, or its client or worker is gone.
      const outcome = error instanceof LateWorkerError ? lateIn(poolId) : KEPT
      if (!client.signal.aborted) this.#reply({ reply: 'left', id, outcome })
    }
    // A client that disconnects during an attempt is followed by its result.
    if (entry.onAttempted === undefined) this.#entries.delete(id)
  }

  async #askInTime(id: number, entry: RemoteEntry): Promise<Attempt<typeof KEPT>> {
    if (this.#hasExited) throw new Error('the worker has exited')
    const attempt = new Promise<Attempt<typeof KEPT>>((resolve, reject) => {
      entry.onAttempted = resolve
      entry.failAttempt = reject
    })
    this.#reply({ reply: 'attempt', id })
    const timer = this.timers.start(() => {
      entry.onAttempted = undefined
      entry.failAttempt?.(new LateWorkerError('the worker did not decide in time'))
    }, ATTEMPT_TIMEOUT_MS)
    try {
      return await attempt
    } finally {
      this.timers.stop(timer)
    }
  }

  #askForCheck(id: number, entry: RemoteEntry): Promise<typeof KEPT | undefined> {
    return new Promise((resolve, reject) => {
      entry.onChecked = resolve
      entry.failCheck = reject
      this.#reply({ reply: 'check', id })
    })
  }

  #onAttempted({ id, attempt }: LineCall & { operation: 'attempted' }): void {
    const entry = this.#entries.get(id)
    const { onAttempted, failAttempt } = entry ?? {}
    if (entry === undefined || onAttempted === undefined) return
    entry.onAttempted = undefined
    if (entry.client.signal.aborted) this.#entries.delete(id)
    if (!('kept' in attempt)) onAttempted(attempt)
    else if (attempt.kept === 'decision') onAttempted({ result: KEPT })
    else failAttempt?.(new Error('the worker could not decide'))
  }

  #onService({ id, report }: LineCall & { operation: 'service' }): void {
    const service = this.#services.get(id)
    if (service === undefined) return
    switch (report.kind) {
      case 'began':
        service.began()
        return
      case 'wrote':
        service.wrote(report.output, report.shown)
        return
      case 'served':
        service.served(report.work)
        return
      case 'rejected':
        service.rejected(report.reason, report.retryAfterMs)
        return
      case 'takenBack':
        service.takeBack()
        return
      case 'ended':
        service.end()
        this.#services.delete(id)
    }
  }

  /** Sends the replies of one turn of the event loop in one message. */
  #reply(reply: LineReply): void {
    if (this.#batch.length === 0)
      setImmediate(() => {
        const replies = this.#batch
        this.#batch = []
        this.#send(replies)
      })
    this.#batch.push(reply)
  }
}

function lateIn(poolId: string): Unserved {
  return { reason: 'timeout', poolId, ahead: 0, holdMs: undefined, expectedWaitMs: undefined }
}
