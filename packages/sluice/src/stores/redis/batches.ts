import { setImmediate } from 'node:timers'
import { StoreRequestError } from '../store-request-error.js'
import { Batch } from './batch.js'
import type { ServerTime } from './calendar-borders.js'
import type { Connection } from './redis-connection.js'
import type { Job } from './script-job.js'
import { readAnswer } from './script-reply.js'
import { ScriptRunner } from './script-runner.js'

/** How often a job is sent before calendar windows that do not hold the server's now are given up. */
const MAX_ASKED = 3

/**
 * Sends what is asked in one turn of the event loop together: one call for each slot, or some where there is much. What
 * arrived on other sockets at the same time is thereby decided in the same call.
 */
export class Batches {
  readonly #runner: ScriptRunner
  /** By slot; those that wait for the end of the turn. */
  #waiting = new Map<number, Batch>()

  constructor(
    connection: Connection,
    private readonly prefix: string,
    private readonly time: ServerTime,
  ) {
    this.#runner = new ScriptRunner(connection)
  }

  /** Jobs of one slot are done in the order in which they were handed in. */
  add(job: Job, slot: number): void {
    if (this.#waiting.size === 0) setImmediate(() => this.#sendAll())
    let batch = this.#waiting.get(slot)
    if (batch !== undefined && !batch.hasRoomFor(job)) {
      this.#send(batch, slot)
      batch = undefined
    }
    if (batch === undefined) {
      batch = new Batch(this.prefix)
      this.#waiting.set(slot, batch)
    }
    batch.add(job)
  }

  #sendAll(): void {
    const waiting = this.#waiting
    this.#waiting = new Map()
    for (const [slot, batch] of waiting) this.#send(batch, slot)
  }

  #send(batch: Batch, slot: number): void {
    const args = batch.args(this.time.sent, (limit) => this.time.bordersOf(limit))
    this.#runner
      .run(batch.keys, args)
      .then((reply) => this.#answer(batch, slot, reply))
      .catch((error: unknown) => {
        const reason = isOfScript(error) ? new StoreRequestError(messageOf(error), { cause: error }) : error
        for (const job of batch.jobs) job.reject(reason)
      })
  }

  #answer({ jobs }: Batch, slot: number, reply: unknown): void {
    const { at, outcomes } = readAnswer(reply, jobs)
    this.time.learn(at)
    jobs.forEach((job, index) => {
      const outcome = outcomes[index] as (typeof outcomes)[number]
      if (outcome === 'window') this.#askAgain(job, slot)
      else if (outcome instanceof Error) job.reject(outcome)
      else job.resolve(outcome)
    })
  }

  #askAgain(job: Job, slot: number): void {
    job.asked++
    if (job.asked < MAX_ASKED) this.add(job, slot)
    else job.reject(new Error("the server's time lies in none of the calendar windows that it was sent"))
  }
}

/**
 * Whether a server that works could not do the jobs of this one call: the script met what it cannot read, or had no memory
 * to write with. An unknown command, missing rights or a lost connection fail every call.
 */
function isOfScript(error: unknown): boolean {
  const message = messageOf(error)
  return /^(WRONGTYPE|OOM) |user_script/.test(message) && !/NOPERM|READONLY|ermission/.test(message)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
