/** A notice that receivers must get. */
export interface Notice {
  /** The same for the same event in every process. Receivers recognize repeated notices by it. */
  readonly id: string
  /** The request body, as JSON. */
  readonly body: string
  /** How long the outbox remembers the ID, in milliseconds. */
  readonly rememberMs: number
}

/** A notice that this process must try to deliver before its lease ends. */
export interface ClaimedNotice {
  readonly id: string
  readonly body: string
  /** The number of this attempt, from 1. */
  readonly attempt: number
  /** Time since the notice was recorded, in milliseconds. */
  readonly ageMs: number
}

/** Keeps notices for each receiver until they are delivered. */
export interface Outbox {
  /** Connects in advance, so that the first notice need not wait. */
  open(): Promise<void>
  /**
   * Adds a notice for each target unless its ID is known. Either all targets get it, or none.
   *
   * @returns `full` if a target has too many notices; nothing was added
   */
  add(notice: Notice, targets: readonly string[]): Promise<'added' | 'known' | 'full'>
  /**
   * Returns the notices of a target that are due. Until the lease ends, no other process gets them;
   * then they are due again.
   */
  claim(target: string, leaseMs: number, max: number): Promise<readonly ClaimedNotice[]>
  /** Removes a notice that was delivered or abandoned. */
  remove(target: string, id: string): Promise<void>
  /** Makes a claimed notice due after a delay. */
  postpone(target: string, id: string, delayMs: number): Promise<void>
  /** The number of notices that are lost when this process ends. */
  readonly volatile: number
  close(): Promise<void>
}

/** Maximum number of notices of a target that are not delivered. */
export const MAX_NOTICES = 10_000
