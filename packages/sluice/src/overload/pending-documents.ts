/** A request whose response is not a stream. */
export interface PendingDocument {
  /** When its response probably begins. */
  readonly beginsAt: number
}

/** Requests whose responses will not be streams, by when these probably begin. */
export class PendingDocuments<T extends PendingDocument> {
  /** Sorted, the earliest last. */
  readonly #documents: T[] = []

  /** When the next response begins; undefined if none is pending. */
  get nextAt(): number | undefined {
    return this.#documents.at(-1)?.beginsAt
  }

  add(document: T): void {
    let low = 0
    let high = this.#documents.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#documents[middle] as T).beginsAt > document.beginsAt) low = middle + 1
      else high = middle
    }
    this.#documents.splice(low, 0, document)
  }

  remove(document: T): void {
    const index = this.#documents.indexOf(document)
    if (index >= 0) this.#documents.splice(index, 1)
  }

  /** Removes and returns a document whose response has begun; undefined if there is none. */
  takeDue(now: number): T | undefined {
    const next = this.#documents.at(-1)
    return next !== undefined && next.beginsAt <= now ? this.#documents.pop() : undefined
  }
}
