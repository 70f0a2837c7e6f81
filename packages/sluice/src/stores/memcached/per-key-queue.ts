import { setTimeout as pause } from 'node:timers/promises'
import { decodeValue, encodeValue } from './codec.js'
import { ROOM_TO_SETTLE } from './decide.js'
import { EXPIRED, expiryOf } from './expiry.js'
import type { Connection, Read } from './memcached-connection.js'
import { StoreContentionError } from './memcached-errors.js'
import type { DecisionClock } from './server-clock.js'
import { WorkingState } from './working-state.js'

/** What one call does to the state of a key. It is asked again where another process came in between. */
export type Call<T> = (working: WorkingState) => T

interface Waiting {
  readonly call: Call<unknown>
  resolve(answer: never): void
  reject(error: unknown): void
}

/** Most calls that wait in one process, of all keys together. */
const MAX_WAITING = 100_000

/** Most calls that are decided in one round. */
const MAX_BATCH = 5000

/** How often a round is tried before its calls are given up. */
const MAX_ATTEMPTS = 40

/** The longest pause between two attempts, in milliseconds. They begin at most a millisecond long, and double. */
const MAX_PAUSE = 32

/**
 * The calls of this process, one queue a key. All that wait for a key are decided in one round: its value is read, each
 * call changes it in its turn, and it is written if nobody else has written it since. So calls of one process
 * never contend with each other, however many they are.
 */
export class PerKeyQueue {
  readonly #queues = new Map<string, Waiting[]>()
  #waiting = 0

  constructor(
    private readonly connection: Connection,
    private readonly clock: DecisionClock,
  ) {}

  /**
   * @throws StoreContentionError where too many wait, or others always came in between; what the call throws; what
   *   the connection throws, and it is then not known whether the call took effect.
   */
  ask<T>(key: string, call: Call<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING)
      return Promise.reject(new StoreContentionError(`${MAX_WAITING} calls wait for Memcached already`))
    return new Promise<T>((resolve, reject) => {
      this.#waiting++
      const waiting = { call, resolve, reject }
      const queue = this.#queues.get(key)
      if (queue !== undefined) {
        queue.push(waiting)
        return
      }
      this.#queues.set(key, [waiting])
      // Calls of the same tick come into the same round.
      queueMicrotask(() => this.#work(key))
    })
  }

  async #work(key: string): Promise<void> {
    for (;;) {
      const queue = this.#queues.get(key) ?? []
      const batch = queue.slice(0, MAX_BATCH)
      if (batch.length === 0) break
      this.#queues.set(key, queue.slice(MAX_BATCH))
      try {
        await this.#decide(key, batch)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      this.#waiting -= batch.length
    }
    this.#queues.delete(key)
  }

  /** Answers every call of the batch, or throws what keeps all of them from an answer. */
  async #decide(key: string, batch: readonly Waiting[]): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(Math.random() * Math.min(MAX_PAUSE, 2 ** attempt / 2))
      const read = await this.#read(key)
      const working = await this.#workingState(key, read)
      const answers = batch.map((each) => answerOf(each, working))
      if (working.changed === undefined || (await this.#write(key, working, read))) {
        for (const answer of answers) answer()
        return
      }
    }
    throw new StoreContentionError(
      `other processes changed '${key}' in Memcached each time, in ${MAX_ATTEMPTS} attempts`,
    )
  }

  async #read(key: string): Promise<Read | undefined> {
    try {
      await this.clock.ready()
      return await this.connection.gets(key)
    } catch (error) {
      this.clock.mistrust()
      throw error
    }
  }

  async #workingState(key: string, read: Read | undefined): Promise<WorkingState> {
    if (read === undefined) return new WorkingState(this.clock, [], 0)
    const stored = decodeValue(key, read.value)
    if (stored.some(({ state }) => this.clock.doubts(state.at))) {
      this.clock.mistrust()
      await this.clock.ready()
    }
    return new WorkingState(this.clock, stored, Buffer.byteLength(String(read.value)))
  }

  /** Whether nobody had written the key since it was read. */
  async #write(key: string, working: WorkingState, read: Read | undefined): Promise<boolean> {
    const { changed: counts = [], idleAfter } = working
    const isOver = !(idleAfter > 0)
    if (isOver && read === undefined) return true
    const value = encodeValue(key, counts)
    if (Buffer.byteLength(value) > ROOM_TO_SETTLE)
      throw new RangeError("the state of a key does not fit into Memcached's 1 MB any more")
    const expiry = isOver ? EXPIRED : expiryOf(idleAfter, this.clock.latestServerTime())
    try {
      return read === undefined
        ? await this.connection.add(key, value, expiry)
        : await this.connection.cas(key, value, read.cas, expiry)
    } catch (error) {
      this.clock.mistrust()
      throw error
    }
  }
}

/** What tells the caller, once the state is written. A call that throws has changed nothing. */
function answerOf({ call, resolve, reject }: Waiting, working: WorkingState): () => void {
  try {
    const answer = call(working) as never
    return () => resolve(answer)
  } catch (error) {
    return () => reject(error)
  }
}
