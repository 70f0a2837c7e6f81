import { type AddResult, ALL_ADDED, type SpendBatch, type SpendLedger } from '../spend/spend-ledger.js'

/** Sends what requests of a worker have spent to the primary, which adds it to the ledger. */
export class RemoteLedger implements Pick<SpendLedger, 'add'> {
  readonly #received = new Map<number, () => void>()

  /** @param send sends a batch, in order; `onReceived` must be called once the primary has it */
  constructor(private readonly send: (batch: SpendBatch) => void) {}

  add(batch: SpendBatch): Promise<AddResult> {
    return new Promise((resolve) => {
      this.#received.set(batch.sequence, () => resolve(ALL_ADDED))
      this.send(batch)
    })
  }

  onReceived(sequence: number): void {
    this.#received.get(sequence)?.()
    this.#received.delete(sequence)
  }
}
