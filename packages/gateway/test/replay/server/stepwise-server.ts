import type { ServerFigures } from '../../../src/replay/server/server-figures.js'
import type { ServerListener, ServerRequest } from '../../../src/replay/server/server-request.js'

interface Job {
  readonly request: ServerRequest
  readonly submittedAt: number
  unread: number
  held: number
  output: number
  reported: number
  hasBegun: boolean
  isCancelled: boolean
}

/** What a job does in a step: the tokens it reads, or 0 if it writes one. */
type Plan = ReadonlyMap<Job, number>

const TICKS_PER_MS = 2 ** 20

/** A slow model of a replica: it computes every step by itself, from arrays of plain objects. */
export class StepwiseServer {
  #running: Job[] = []
  #waiting: Job[] = []
  /** End of the last step. */
  #endedAt = 0
  #hasPreempted = false
  #isBetweenSteps = false
  #reportAt: number

  constructor(
    private readonly figures: ServerFigures,
    private readonly listener: ServerListener<ServerRequest>,
    private readonly reportEveryMs: number,
  ) {
    this.#reportAt = reportEveryMs
  }

  get nextEventAt(): number | undefined {
    const startsAt = this.#startsAt
    if (startsAt === undefined) return undefined
    const plan = this.#plan(startsAt)
    const { fixedMs, perPrefillTokenMs, perRequestMs } = this.figures.step
    const reads = [...plan.values()]
    const read = reads.reduce((sum, tokens) => sum + tokens, 0)
    const writers = reads.filter((tokens) => tokens === 0).length
    const duration = fixedMs + perPrefillTokenMs * read + perRequestMs * writers
    return startsAt + Math.round(duration * TICKS_PER_MS) / TICKS_PER_MS
  }

  submit(request: ServerRequest, now: number): void {
    const job = { request, submittedAt: now, unread: unreadOf(request), held: 0, output: 0, reported: 0 }
    this.#waiting.push({ ...job, hasBegun: false, isCancelled: false })
  }

  cancel(id: number, now: number): number {
    const job = [...this.#running, ...this.#waiting].find(({ request }) => request.id === id)
    if (job === undefined || job.isCancelled) return 0
    job.isCancelled = true
    const startsAt = this.#startsAt as number
    const isInStep = !this.#isBetweenSteps && startsAt < now && this.#plan(startsAt).has(job)
    if (isInStep) return job.output
    this.#running = this.#running.filter((each) => each !== job)
    this.#waiting = this.#waiting.filter((each) => each !== job)
    return job.output
  }

  advance(): void {
    const at = this.nextEventAt
    if (at === undefined) return
    const plan = this.#plan(this.#startsAt as number)
    this.#waiting = this.#waiting.filter((job) => !plan.has(job))
    this.#running = [...plan.keys()]
    const events: (() => void)[] = []
    const tell = (job: Job, event: () => void) => events.push(() => job.isCancelled || event())
    // Requests that were writing come first, as they started first.
    for (const [job, read] of plan) {
      if (job.held === 0) job.held = cachedOf(job.request)
      job.held += read === 0 ? 1 : read
      job.unread -= read
      if (job.unread > 0) continue
      job.output++
      if (!job.hasBegun) tell(job, () => this.listener.began(job.request, at))
      job.hasBegun = true
      if (job.output >= job.request.output) tell(job, () => this.listener.ended(job.request, at))
    }
    this.#running = this.#running.filter((job) => !job.isCancelled && !isComplete(job))
    this.#endedAt = at
    this.#isBetweenSteps = true
    for (const event of events) event()
    if (at >= this.#reportAt) this.#report(at)
    this.#isBetweenSteps = false
    this.#preempt(at)
  }

  get #startsAt(): number | undefined {
    if (this.#running.length > 0) return this.#endedAt
    const [first] = this.#waiting
    return first && Math.max(this.#endedAt, Math.ceil(first.submittedAt * TICKS_PER_MS) / TICKS_PER_MS)
  }

  #plan(startsAt: number): Plan {
    const { maxBatchedTokens, maxSeqs, kvTokens } = this.figures
    const plan = new Map<Job, number>()
    let budget = maxBatchedTokens
    let held = this.#running.reduce((sum, job) => sum + job.held, 0)
    const add = (job: Job, read: number) => {
      plan.set(job, read)
      budget -= Math.max(1, read)
      held += Math.max(1, read)
    }
    for (const job of this.#running) add(job, Math.min(job.unread, budget))
    for (const job of this.#waiting) {
      const read = Math.min(job.unread, budget)
      const hasRoom = held + cachedOf(job.request) + read <= kvTokens * 0.99
      if (this.#hasPreempted || job.submittedAt > startsAt) break
      if (plan.size >= maxSeqs || read === 0 || !hasRoom) break
      held += cachedOf(job.request)
      add(job, read)
    }
    return plan
  }

  #preempt(at: number): void {
    const need = () => {
      const reader = this.#running.find(({ unread }) => unread > 0)
      const budget = this.figures.maxBatchedTokens - this.#running.length + (reader === undefined ? 0 : 1)
      const writers = this.#running.length - (reader === undefined ? 0 : 1)
      return writers + (reader === undefined ? 0 : Math.min(reader.unread, budget))
    }
    const lost: Job[] = []
    const held = () => this.#running.reduce((sum, job) => sum + job.held, 0)
    while (held() + need() > this.figures.kvTokens) {
      const job = this.#running.pop() as Job
      job.held = 0
      job.unread = unreadOf(job.request) + job.output
      this.#waiting.unshift(job)
      lost.push(job)
    }
    this.#hasPreempted = lost.length > 0
    for (const { request } of lost) this.listener.preempted?.(request, at)
  }

  #report(at: number): void {
    this.#reportAt = at + this.reportEveryMs
    for (const job of this.#running) {
      if (job.output === job.reported) continue
      job.reported = job.output
      this.listener.wrote?.(job.request, job.output, at)
    }
  }
}

function isComplete({ unread, output, request }: Job): boolean {
  return unread === 0 && output >= request.output
}

function cachedOf({ input, cached = 0 }: ServerRequest): number {
  return Math.min(cached, Math.max(1, input) - 1)
}

function unreadOf(request: ServerRequest): number {
  return Math.max(1, request.input) - cachedOf(request)
}
