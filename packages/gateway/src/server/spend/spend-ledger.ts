import type { Month } from './months.js'
import type { Spend, SpendKey } from './spend-entry.js'

/** Maximum number of entries of a month. The spend of further ones is added to entries for others. */
export const MAX_ENTRIES = 100_000

/** Spend of one month that is added at once. */
export interface SpendBatch {
  /** The process that sends the batch, and the number of the batch, by which it is recognized if it is sent again. */
  readonly writer: string
  readonly sequence: number
  readonly month: Month
  /** By encoded key. */
  readonly entries: ReadonlyMap<string, Spend>
}

/** What became of the entries of a batch. */
export interface AddResult {
  /** Number of requests whose spend was added to an entry for others. */
  readonly other: number
  /** Number of requests whose spend was not added, because an amount would exceed 64 bits. */
  readonly refused: number
}

export const ALL_ADDED: AddResult = { other: 0, refused: 0 }

/** Why the entries of a client cannot be moved: their sum would exceed 64 bits. */
export const TOO_MUCH_TO_MOVE = 'the amounts of the client are too large to be added up'

/** Called with each entry, in any order. */
export type VisitEntry = (key: SpendKey, spend: Spend) => void

/** Keeps what clients have spent, by day, client, labels, model, route and currency, for 13 months. */
export interface SpendLedger {
  /** Where the ledger is kept. */
  readonly kept: 'redis' | 'file' | 'memory'
  /** Reads what a file has kept. @throws Error with a one-line reason if it cannot be read */
  start(): Promise<void>
  /**
   * Adds a batch. A batch that is sent again after a failure is added once. Rejects if the ledger is
   * unavailable; the batch may then have been added.
   */
  add(batch: SpendBatch): Promise<AddResult>
  /** Reads the entries of months. Rejects if the ledger is unavailable. */
  read(months: readonly Month[], visit: VisitEntry): Promise<void>
  /**
   * Moves the entries of a client in all months to the name `forgotten`, without the labels that no
   * other client has. Rejects if the ledger is unavailable; some entries may then have been moved.
   *
   * @returns the number of entries that were moved
   */
  forget(client: string): Promise<number>
  close(): Promise<void>
}
