import { setTimeout as pause } from 'node:timers/promises'
import { decodeValue, encodeValue, type KeyState } from './codec.js'
import { MAX_BYTES_TO_SETTLE } from './decide.js'
import { EXPIRED, expiryOf } from './expiry.js'
import type { CasValue, MemcachedConnection } from './memcached-connection.js'
import { StoreContentionError } from './memcached-errors.js'
import type { DecisionClock } from './server-clock.js'
import { WorkingState } from './working-state.js'

/**
 * Reads or changes the state of a key. Called again if another process wrote the key in the
 * meantime.
 */
export type StateUpdate<T> = (working: WorkingState) => T

interface QueuedUpdate {
  readonly update: StateUpdate<unknown>
  resolve(result: never): void
  reject(error: unknown): void
}

const NO_STATE: KeyState = { counts: [], penalties: [] }

/** Maximum number of queued calls in a process, across all keys. */
const MAX_QUEUED = 100_000

/** Maximum number of calls decided in one round. */
const MAX_BATCH = 5000

/** Maximum number of attempts of a round. After the last one, its calls fail. */
const MAX_ATTEMPTS = 40

/**
 * Maximum pause between two attempts, in milliseconds. The first pause is at most 1 ms, and the
 * maximum doubles with each attempt.
 */
const MAX_PAUSE_MS = 32

/**
 * Queues the calls of this process by key. All calls queued for one key are decided in a single
 * round: the value is read, updated by each call in turn, and written unless another process has
 * changed it in the meantime. So the calls of one process never contend with each other.
 */
export class PerKeyQueue {
  readonly #updates = new Map<string, QueuedUpdate[]>()
  #queued = 0

  constructor(
    private readonly connection: MemcachedConnection,
    private readonly clock: DecisionClock,
  ) {}

  /**
   * Applies an update to the state of a key.
   *
   * @throws StoreContentionError if too many calls are queued or all attempts fail; errors of the
   *   update; errors of the connection, after which the update may or may not have taken effect.
   */
  enqueue<T>(key: string, update: StateUpdate<T>): Promise<T> {
    if (this.#queued >= MAX_QUEUED)
      return Promise.reject(new StoreContentionError(`${MAX_QUEUED} calls are already queued for Memcached`))
    return new Promise<T>((resolve, reject) => {
      this.#queued++
      const queued = { update, resolve, reject }
      const queue = this.#updates.get(key)
      if (queue !== undefined) {
        queue.push(queued)
        return
      }
      this.#updates.set(key, [queued])
      // Calls of the same tick share a round.
      queueMicrotask(() => this.#process(key))
    })
  }

  async #process(key: string): Promise<void> {
    for (;;) {
      const queue = this.#updates.get(key) ?? []
      const batch = queue.slice(0, MAX_BATCH)
      if (batch.length === 0) break
      this.#updates.set(key, queue.slice(MAX_BATCH))
      try {
        await this.#decide(key, batch)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      this.#queued -= batch.length
    }
    this.#updates.delete(key)
  }

  /** Settles every call of the batch, or throws an error that applies to all of them. */
  async #decide(key: string, batch: readonly QueuedUpdate[]): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(Math.random() * Math.min(MAX_PAUSE_MS, 2 ** attempt / 2))
      const read = await this.#read(key)
      const working = await this.#workingState(key, read)
      const settlers = batch.map((each) => apply(each, working))
      if (working.changed === undefined || (await this.#write(key, working, read))) {
        for (const settle of settlers) settle()
        return
      }
    }
    throw new StoreContentionError(
      `other processes changed '${key}' in Memcached during each of ${MAX_ATTEMPTS} attempts`,
    )
  }

  async #read(key: string): Promise<CasValue | undefined> {
    try {
      await this.clock.ready()
      return await this.connection.gets(key)
    } catch (error) {
      this.clock.invalidate()
      throw error
    }
  }

  async #workingState(key: string, read: CasValue | undefined): Promise<WorkingState> {
    if (read === undefined) return new WorkingState(this.clock, NO_STATE, 0)
    const stored = decodeValue(key, read.value)
    if ([...stored.counts, ...stored.penalties].some(({ state }) => this.clock.isSuspect(state.at))) {
      this.clock.invalidate()
      await this.clock.ready()
    }
    return new WorkingState(this.clock, stored, Buffer.byteLength(String(read.value)))
  }

  /** Writes the state, and reports whether the key was unchanged since it was read. */
  async #write(key: string, working: WorkingState, read: CasValue | undefined): Promise<boolean> {
    const { changed: { counts, penalties } = NO_STATE, idleAfter } = working
    const isIdle = !(idleAfter > 0)
    if (isIdle && read === undefined) return true
    const value = encodeValue(key, counts, penalties)
    if (Buffer.byteLength(value) > MAX_BYTES_TO_SETTLE)
      throw new RangeError("the state of a key would exceed Memcached's maximum of 1 MB")
    const expiry = isIdle ? EXPIRED : expiryOf(idleAfter, this.clock.latestServerTime())
    try {
      return read === undefined
        ? await this.connection.add(key, value, expiry)
        : await this.connection.cas(key, value, read.cas, expiry)
    } catch (error) {
      this.clock.invalidate()
      throw error
    }
  }
}

/**
 * Applies an update and returns a function that settles its call. An update that throws changes
 * nothing.
 */
function apply({ update, resolve, reject }: QueuedUpdate, working: WorkingState): () => void {
  try {
    const result = update(working) as never
    return () => resolve(result)
  } catch (error) {
    return () => reject(error)
  }
}
