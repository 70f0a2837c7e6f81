import { setImmediate } from 'node:timers'
import { StoreRequestError } from '../store-request-error.js'
import { Batch } from './batch.js'
import type { CalendarBorders } from './calendar-borders.js'
import type { RedisConnection } from './redis-connection.js'
import type { Job } from './script-job.js'
import { parseReply } from './script-reply.js'
import { ScriptRunner } from './script-runner.js'

/** Maximum number of attempts of a job whose calendar windows do not contain the server's time. */
const MAX_ATTEMPTS = 3

/**
 * Sends all jobs of one turn of the event loop together, in one call per slot or in several if
 * there are many jobs. So requests that arrive on different sockets in the same turn share a call.
 */
export class Batches {
  readonly #runner: ScriptRunner
  /** Batches to send at the end of the turn, by slot. */
  #pending = new Map<number, Batch>()

  constructor(
    connection: RedisConnection,
    private readonly prefix: string,
    private readonly calendar: CalendarBorders,
  ) {
    this.#runner = new ScriptRunner(connection)
  }

  /** Adds a job. Jobs of one slot are executed in the order in which they were added. */
  add(job: Job, slot: number): void {
    if (this.#pending.size === 0) setImmediate(() => this.#sendAll())
    let batch = this.#pending.get(slot)
    if (batch !== undefined && !batch.hasRoomFor(job)) {
      this.#send(batch, slot)
      batch = undefined
    }
    if (batch === undefined) {
      batch = new Batch(this.prefix, slot)
      this.#pending.set(slot, batch)
    }
    batch.add(job)
  }

  #sendAll(): void {
    const pending = this.#pending
    this.#pending = new Map()
    for (const [slot, batch] of pending) this.#send(batch, slot)
  }

  #send(batch: Batch, slot: number): void {
    const args = batch.args(this.calendar.scriptTime, (limit) => this.calendar.bordersOf(limit))
    this.#runner
      .run(batch.keys, args)
      .then((reply) => this.#deliver(batch, slot, reply))
      .catch((error: unknown) => {
        const reason = isRequestError(error)
          ? new StoreRequestError(messageOf(error), { cause: error })
          : error
        for (const job of batch.jobs) job.reject(reason)
      })
  }

  #deliver({ jobs }: Batch, slot: number, reply: unknown): void {
    const { at, outcomes } = parseReply(reply, jobs)
    this.calendar.synchronize(at)
    jobs.forEach((job, index) => {
      const outcome = outcomes[index] as (typeof outcomes)[number]
      if (outcome === 'window') this.#retry(job, slot)
      else if (outcome instanceof Error) job.reject(outcome)
      else job.resolve(outcome)
    })
  }

  #retry(job: Job, slot: number): void {
    job.attempts++
    if (job.attempts < MAX_ATTEMPTS) this.add(job, slot)
    else
      job.reject(
        new Error(
          `the clock of the Redis server was outside the calendar windows that this process sent, in each of ${MAX_ATTEMPTS} attempts`,
        ),
      )
  }
}

/**
 * Reports whether an error affects only this call: a key holds an unreadable value, or the server
 * is out of memory. An unknown command, missing permissions or a lost connection would fail every
 * call.
 */
function isRequestError(error: unknown): boolean {
  const message = messageOf(error)
  return /^(WRONGTYPE|OOM) |user_script/.test(message) && !/NOPERM|READONLY|ermission/.test(message)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
