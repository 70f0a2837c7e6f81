import { EventQueue } from '../columns/event-queue.js'
import { LinkedList } from '../columns/linked-list.js'
import { createSequence, outputAfter, peakTokens, type Sequence } from './sequence.js'
import type { ServerFigures } from './server-figures.js'
import type { ServerListener, ServerRequest } from './server-request.js'
import { durationOfStep, endOf, type Step, startOfStep, stepsTo, stepsUntil } from './step.js'

/** Share of the KV cache that must remain free when a waiting request starts to run. */
export const SPARE = 0.01

type Notice<R> = readonly [kind: 'began' | 'ended' | 'preempted', sequence: Sequence<R>]

/**
 * A model server with continuous batching, in virtual time. In each step, every running request
 * writes one token or reads the next part of its prompt. Then waiting requests start to run in the
 * order of their arrival, as long as there are places, tokens in the step and memory. If the KV
 * cache is full, the last request that started is preempted: it loses its memory, returns to the
 * head of the queue, and is computed again.
 *
 * A step takes `fixedMs + perPrefillTokenMs × tokens read + perRequestMs × requests that write`. A
 * step that starts at t includes what was submitted at or before t. Steps between which nothing
 * changes are computed at once.
 */
export class Replica<R extends ServerRequest> {
  readonly #waiting = new LinkedList<Sequence<R>>()
  readonly #running = new LinkedList<Sequence<R>>()
  /** Running requests that write, by the step in which they end. */
  readonly #writers = new EventQueue<Sequence<R>>()
  readonly #sequences = new Map<number, Sequence<R>>()
  #cancelled: Sequence<R>[] = []
  /** Tokens in the KV cache at the start of the current step, with those that are being read. */
  #held = 0
  /** Number of steps that have ended. */
  #steps = 0
  #step: Step<R> | undefined
  /** True while the listener is called between two steps. */
  #isBetweenSteps = false
  #reportAt: number
  #queueTime = 0
  #queueCountedAt = 0

  constructor(
    private readonly figures: ServerFigures,
    private readonly listener: ServerListener<R>,
    private readonly reportEveryMs = Number.POSITIVE_INFINITY,
  ) {
    this.#reportAt = reportEveryMs
  }

  /** Number of requests that have not ended. */
  get inFlight(): number {
    return this.#sequences.size
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Time of the next event; undefined if there is none. Submitting and cancelling may change it. */
  get nextEventAt(): number | undefined {
    return this.#step && endOf(this.#step)
  }

  /** Returns the sum of the times that requests have spent waiting in the server, in milliseconds. */
  queueTime(now: number): number {
    this.#countQueue(now)
    return this.#queueTime
  }

  /** Accepts a request. All events before `now` must have been run. */
  submit(request: R, now: number): void {
    const sequence = createSequence(request)
    this.#sequences.set(request.id, sequence)
    this.#countQueue(now)
    this.#waiting.append(sequence)
    const step = this.#step
    if (step !== undefined && now <= step.startedAt) this.#admit(step)
    else if (step !== undefined) {
      // Those that wait already could not be admitted, so it could not be either.
      if (this.#waiting.first === sequence) this.#endSoon(step, now)
    } else if (!this.#isBetweenSteps) this.#startStep(startOfStep(now))
  }

  /**
   * Cancels a request. A running one leaves at the end of the step.
   *
   * @returns the output tokens that were written
   */
  cancel(id: number, now: number): number {
    const sequence = this.#sequences.get(id)
    if (sequence === undefined) return 0
    this.#sequences.delete(id)
    sequence.isCancelled = true
    const step = this.#step
    const steps = this.#steps + (step === undefined ? 0 : stepsUntil(step, now))
    const output = outputAfter(steps, sequence)
    if (!sequence.isRunning) {
      this.#countQueue(now)
      this.#waiting.remove(sequence)
    } else if (step === undefined) this.#leave(sequence)
    else this.#cancelled.push(sequence)
    if (step !== undefined) this.#endSoon(step, now)
    return output
  }

  /** Runs the next event and tells the listener. */
  advance(): void {
    const step = this.#step
    if (step === undefined) return
    const at = endOf(step)
    this.#step = undefined
    this.#isBetweenSteps = true
    const notices = this.#endStep(step)
    this.#notify(notices, at)
    if (at >= this.#reportAt) this.#report(at)
    this.#isBetweenSteps = false
    if (this.#running.length > 0 || this.#waiting.length > 0) this.#startStep(at)
  }

  #endStep({ readers, count }: Step<R>): Notice<R>[] {
    const notices: Notice<R>[] = []
    this.#steps += count
    this.#held += count * this.#writers.length
    for (let first = this.#writers.first; first?.at === this.#steps; first = this.#writers.first) {
      notices.push(['ended', first])
      this.#end(first)
    }
    for (const reader of readers) this.#hasRead(reader, notices)
    for (const sequence of this.#cancelled) if (sequence.isRunning) this.#leave(sequence)
    this.#cancelled = []
    return notices
  }

  /** Writes the first token of a request, or the next one after a preemption. */
  #hasRead(reader: Sequence<R>, notices: Notice<R>[]): void {
    reader.unread -= reader.chunk
    if (reader.unread > 0) return
    const { request } = reader
    if (!reader.hasBegun) notices.push(['began', reader])
    reader.hasBegun = true
    reader.output++
    if (reader.output >= request.output) {
      notices.push(['ended', reader])
      this.#end(reader)
      return
    }
    reader.since = this.#steps
    reader.at = this.#steps + request.output - reader.output
    this.#writers.add(reader)
  }

  #end(sequence: Sequence<R>): void {
    this.#leave(sequence)
    this.#sequences.delete(sequence.request.id)
  }

  /** Removes a running request and frees its memory. */
  #leave(sequence: Sequence<R>): void {
    const isWriting = sequence.index >= 0
    this.#held -= sequence.held + (isWriting ? this.#steps - sequence.since : 0)
    sequence.output = outputAfter(this.#steps, sequence)
    sequence.held = 0
    sequence.isRunning = false
    this.#writers.remove(sequence)
    this.#running.remove(sequence)
  }

  #startStep(startedAt: number): void {
    const { last } = this.#running
    const notices: Notice<R>[] = []
    const budget = this.figures.maxBatchedTokens
    // Only the last one can be reading still: no other starts until it has read its prompt.
    const reader = last !== undefined && last.unread > 0 ? last : undefined
    let chunk = reader === undefined ? 0 : Math.min(reader.unread, budget - this.#writers.length)
    while (this.#held + this.#writers.length + chunk > this.figures.kvTokens) {
      chunk = 0
      notices.push(['preempted', this.#preempt(startedAt)])
    }
    const step: Step<R> = {
      ...{ startedAt, readers: [], hasPreempted: notices.length > 0 },
      ...{ budget: budget - this.#writers.length, durationMs: 0, count: 1 },
    }
    if (chunk > 0) this.#read(reader as Sequence<R>, chunk, step)
    this.#step = step
    this.#admit(step)
    this.#notify(notices, startedAt)
  }

  #preempt(at: number): Sequence<R> {
    const sequence = this.#running.last as Sequence<R>
    this.#leave(sequence)
    const { request, cached, output } = sequence
    sequence.unread = Math.max(1, request.input) - cached + output
    this.#countQueue(at)
    this.#waiting.prepend(sequence)
    return sequence
  }

  /** Adds waiting requests to a step that starts, and computes its duration. */
  #admit(step: Step<R>): void {
    this.#countQueue(step.startedAt)
    for (let { first } = this.#waiting; first !== undefined; first = this.#waiting.first) {
      const chunk = Math.min(first.unread, step.budget)
      if (step.hasPreempted || chunk === 0 || !this.#fits(first, chunk)) break
      this.#waiting.remove(first)
      this.#running.append(first)
      first.isRunning = true
      first.held = first.cached
      this.#held += first.cached
      this.#read(first, chunk, step)
    }
    this.#measure(step)
  }

  #fits(sequence: Sequence<R>, chunk: number): boolean {
    const { kvTokens, maxSeqs, admits } = this.figures
    if (this.#running.length >= maxSeqs) return false
    if (admits === 'peak') return peakTokens([...this.#running, sequence], this.#steps) <= kvTokens
    return this.#held + this.#writers.length + sequence.cached + chunk <= kvTokens * (1 - SPARE)
  }

  #read(sequence: Sequence<R>, chunk: number, step: Step<R>): void {
    sequence.chunk = chunk
    sequence.held += chunk
    this.#held += chunk
    step.budget -= chunk
    step.readers.push(sequence)
  }

  /** Computes the duration of a step, and how many equal ones follow it. */
  #measure(step: Step<R>): void {
    const { fixedMs, perPrefillTokenMs, perRequestMs } = this.figures.step
    const writers = this.#writers.length
    const tokens = step.readers.reduce((sum, { chunk }) => sum + chunk, 0)
    const durationMs = fixedMs + perPrefillTokenMs * tokens + perRequestMs * writers
    step.durationMs = durationOfStep(durationMs)
    step.count = 1
    const { first } = this.#writers
    if (first === undefined || tokens > 0 || step.hasPreempted) return
    step.count = Math.min(
      first.at - this.#steps,
      Math.floor((this.figures.kvTokens - this.#held) / writers),
      Math.max(1, stepsTo(step, this.#reportAt)),
    )
  }

  /** Ends a run of equal steps with the one that is in progress. */
  #endSoon(step: Step<R>, now: number): void {
    step.count = Math.min(step.count, Math.max(1, stepsTo(step, now)))
  }

  #report(at: number): void {
    this.#reportAt = at + this.reportEveryMs
    if (this.listener.wrote === undefined) return
    for (const sequence of [...this.#running]) {
      const output = outputAfter(this.#steps, sequence)
      if (output === sequence.reported) continue
      sequence.reported = output
      this.listener.wrote(sequence.request, output, at)
    }
  }

  #notify(notices: readonly Notice<R>[], at: number): void {
    for (const [kind, { request, isCancelled }] of notices)
      if (!isCancelled) this.listener[kind]?.(request, at)
  }

  #countQueue(at: number): void {
    this.#queueTime += this.#waiting.length * Math.max(0, at - this.#queueCountedAt)
    this.#queueCountedAt = Math.max(at, this.#queueCountedAt)
  }
}
