import { systemTimers, withinDeadline } from 'sluice/internal'
import { type Act, activeAt, MAX_ACTS } from '../../policy/acts/act.js'
import { type ActSet, NO_ACTS, versionAfter, versionNumber } from '../../policy/acts/act-set.js'
import type { Log } from '../logging/log.js'
import type { ActStore } from './act-store.js'

/** The delay between two looks at the store, in milliseconds. */
const POLL_INTERVAL_MS = 500

/** The timeout of a call to the store, in milliseconds. */
const DEADLINE_MS = 2000

/** Maximum number of attempts to make a change while other gateways make theirs. */
const MAX_ATTEMPTS = 50

/** Reports that the acts cannot be changed now. */
export class ActsUnavailableError extends Error {
  override readonly name = 'ActsUnavailableError'
}

/** Reports that there are too many acts. */
export class TooManyActsError extends Error {
  override readonly name = 'TooManyActsError'
  constructor() {
    super(`there are already ${MAX_ACTS} acts in effect; undo some of them first`)
  }
}

export interface ActRegistryOptions {
  readonly log: Pick<Log, 'info' | 'warn' | 'error' | 'crashed'>
  /** Called when the acts in effect have changed. Changes wait until it settles. */
  readonly onChange: (acts: readonly Act[]) => Promise<void>
  readonly now?: () => number
}

/**
 * The acts in effect. They follow a store that other gateways may change as well, within
 * {@link POLL_INTERVAL_MS} and the duration of a call. While the store is unavailable, the last known
 * acts stay in effect, until they expire.
 */
export class ActRegistry {
  readonly #store: ActStore
  readonly #options: ActRegistryOptions
  readonly #now: () => number
  #set: ActSet = NO_ACTS
  #active: readonly Act[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  /** Serializes reads and changes. */
  #last: Promise<unknown> = Promise.resolve()
  /** Why the store cannot be read; undefined while it can. */
  #failure: string | undefined

  constructor(store: ActStore, options: ActRegistryOptions) {
    this.#store = store
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** The acts in effect. */
  get acts(): readonly Act[] {
    return this.#active
  }

  /** Why the store cannot be read, if it cannot; the acts may then be out of date. */
  get failure(): string | undefined {
    return this.#failure
  }

  /**
   * Reads the acts for the first time.
   *
   * @throws Error with a one-line reason if a file cannot be read; failures of a remote store are
   *   only logged
   */
  async start(): Promise<void> {
    try {
      await this.#read()
    } catch (error) {
      if (!this.#store.isRemote) throw error
      this.#onFailure(error)
    }
    this.#active = activeAt(this.#set.acts, this.#now())
  }

  /** Starts to follow the store. */
  follow(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      void this.sync().then(() => this.follow())
    }, POLL_INTERVAL_MS).unref()
  }

  /** Reads the store, and ends the acts that have expired. Never rejects. */
  async sync(): Promise<void> {
    await this.#serialized(async () => {
      try {
        if (this.#store.isShared) await this.#read()
      } catch (error) {
        this.#onFailure(error)
      }
      await this.#refresh()
    }).catch((error: unknown) => this.#options.log.crashed(error))
  }

  /**
   * Changes the acts, and resolves when the change is stored and in effect on this gateway.
   *
   * @param edit returns the new acts; called again if another gateway made a change in the meantime
   * @throws TooManyActsError, ActsUnavailableError, and the errors of `edit`; nothing has changed
   *   unless the message says so
   */
  change(edit: (acts: readonly Act[]) => readonly Act[]): Promise<void> {
    return this.#serialized(async () => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (await this.#tryChange(edit)) return this.#refresh()
      }
      throw new ActsUnavailableError('other gateways keep changing the acts; try again')
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#last.catch(() => {})
    await this.#store.close()
  }

  async #tryChange(edit: (acts: readonly Act[]) => readonly Act[]): Promise<boolean> {
    try {
      await this.#read()
    } catch (error) {
      this.#onFailure(error)
      throw new ActsUnavailableError(`the acts cannot be stored, so nothing was changed: ${reasonOf(error)}`)
    }
    const { version, acts, unreadable } = this.#set
    const next = edit(activeAt(acts, this.#now()))
    if (next.length + unreadable.length > MAX_ACTS) throw new TooManyActsError()
    const set = { version: versionAfter(version), acts: next, unreadable }
    try {
      if (!(await within((signal) => this.#store.replace(version, set, signal)))) return false
    } catch (error) {
      this.#onFailure(error)
      throw new ActsUnavailableError(
        `the store did not confirm the change, so it may or may not take effect; list the acts to check: ${reasonOf(error)}`,
      )
    }
    this.#set = set
    return true
  }

  async #read(): Promise<void> {
    const known = this.#set
    const found = await within(() => this.#store.read(known.version))
    this.#onSuccess()
    const stored = found === 'unchanged' ? known : (found ?? NO_ACTS)
    if (versionNumber(stored.version) >= versionNumber(known.version)) {
      this.#set = stored
      return
    }
    // The store lost changes, as an evicted key or a failover does.
    if (await within((signal) => this.#store.replace(stored.version, known, signal)))
      this.#options.log.warn({ acts: known.acts.length }, 'restored acts that the store had lost')
  }

  /** Puts the acts into effect that have not expired. */
  async #refresh(): Promise<void> {
    const active = activeAt(this.#set.acts, this.#now())
    const isSame =
      active.length === this.#active.length && active.every((act, index) => act === this.#active[index])
    if (isSame) return
    this.#active = active
    await this.#options.onChange(active)
  }

  #onSuccess(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#options.log.info({}, 'the acts can be read again')
  }

  #onFailure(error: unknown): void {
    const reason = reasonOf(error)
    if (this.#failure === undefined)
      this.#options.log.error({ reason }, 'cannot read the acts; keeping the last known ones')
    this.#failure = reason
  }

  #serialized<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(operation, operation)
    this.#last = result.catch(() => {})
    return result
  }
}

/**
 * Rejects if a call takes longer than the deadline.
 *
 * @param call gets a signal that aborts at the deadline
 */
function within<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController()
  return withinDeadline(call(abort.signal), DEADLINE_MS, systemTimers, {
    onTimeout: () => abort.abort(),
    onValue() {},
    onError() {},
  })
}

/** Returns the message alone. Other properties of such errors may contain a password. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error)
}
