import { type ActSet, NO_ACTS } from '../../policy/acts/act-set.js'

/** Keeps one set of acts. Sets are replaced by compare-and-set, so concurrent changes are not lost. */
export interface ActStore {
  /** True if other processes may change the set. */
  readonly isShared: boolean
  /** True if the store may be unavailable for a while, which does not keep a gateway from starting. */
  readonly isRemote: boolean
  /**
   * Reads the set. Rejects if the store is unavailable or its content is not a set of acts.
   *
   * @param known the version that the caller has
   * @returns `unchanged` if the set still has this version; undefined if there is no set
   */
  read(known: string): Promise<ActSet | 'unchanged' | undefined>
  /**
   * Replaces the set if it still has a version. The version of a missing set is that of `NO_ACTS`.
   * Rejects if the store is unavailable; the set may then have been replaced.
   *
   * @param signal aborts when the caller no longer waits
   * @returns false if the set has another version
   */
  replace(expected: string, next: ActSet, signal?: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

/** Keeps acts until the process exits. */
export class MemoryActStore implements ActStore {
  readonly isShared = false
  readonly isRemote = false
  #set: ActSet | undefined

  async read(known: string): Promise<ActSet | 'unchanged' | undefined> {
    return this.#set?.version === known ? 'unchanged' : this.#set
  }

  async replace(expected: string, next: ActSet): Promise<boolean> {
    if ((this.#set?.version ?? NO_ACTS.version) !== expected) return false
    this.#set = next
    return true
  }

  async close(): Promise<void> {}
}
