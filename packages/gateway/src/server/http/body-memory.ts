/** A body that is held, or being read. */
interface Holder {
  readonly owner: string
  bytes: number
  /** Whether it is still being read, and so may have to make room. */
  isPartial: boolean
  /** Ends its reading, to make room. */
  readonly evict: () => void
}

/** The memory of one body. */
export interface BodyLease {
  /** Takes more; `false` where there is no room. */
  grow(bytes: number): boolean
  /** The body is complete and takes so many bytes: from now on it makes room for nobody. It may grow again while it is read. */
  complete(bytes: number): void
  /** Gives all of it back. Idempotent. */
  release(): void
}

/** For a body that is bounded by its own limit alone. */
export const UNBOUNDED: BodyLease = { grow: () => true, complete() {}, release() {} }

/**
 * Bounds the memory of all the bodies that a process holds at once.
 *
 * Where there is no room, bodies that are still being read make it, the fullest owner's first: a client that holds more than
 * others, in one body or in many, loses its largest one to them. A body that is the largest itself gets no more.
 */
export class BodyMemory {
  readonly #holders = new Set<Holder>()
  #limit: number
  #held = 0
  #refused = 0

  /** @param limit in bytes, over all bodies */
  constructor(limit: number) {
    this.#limit = limit
  }

  get limit(): number {
    return this.#limit
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held
  }

  /** Bodies for which there was no room, since the start. */
  get refused(): number {
    return this.#refused
  }

  /** What is held stays held. */
  setLimit(limit: number): void {
    this.#limit = limit
  }

  /**
   * Begins to hold a body.
   *
   * @param owner whom its memory is counted for
   * @param evict ends its reading; the lease is released then
   */
  lease(owner: string, evict: () => void): BodyLease {
    const holder: Holder = { owner, bytes: 0, isPartial: true, evict }
    this.#holders.add(holder)
    return {
      grow: (bytes) => {
        if (!this.#holders.has(holder)) return false
        const fits = this.#makeRoom(holder, bytes)
        if (fits) this.#add(holder, bytes)
        else this.#refused++
        return fits
      },
      complete: (bytes) => {
        if (!this.#holders.has(holder)) return
        this.#add(holder, bytes - holder.bytes)
        holder.isPartial = false
      },
      release: () => this.#release(holder),
    }
  }

  #add(holder: Holder, bytes: number): void {
    holder.bytes += bytes
    this.#held += bytes
  }

  #release(holder: Holder): void {
    if (this.#holders.delete(holder)) this.#held -= holder.bytes
  }

  #makeRoom(asking: Holder, bytes: number): boolean {
    if (bytes > this.#limit) return false
    while (this.#held + bytes > this.#limit) {
      const largest = this.#largestOf(asking, bytes)
      if (largest === asking) return false
      this.#refused++
      this.#release(largest)
      largest.evict()
    }
    return true
  }

  /** The largest partial body of the fullest owner, with what is asked for counted. */
  #largestOf(asking: Holder, bytes: number): Holder {
    const sizeOf = (holder: Holder) => holder.bytes + (holder === asking ? bytes : 0)
    const totals = new Map<string, number>()
    for (const holder of this.#holders)
      if (holder.isPartial || holder === asking)
        totals.set(holder.owner, (totals.get(holder.owner) ?? 0) + sizeOf(holder))
    let fullest = asking.owner
    for (const [owner, total] of totals) if (total > (totals.get(fullest) ?? 0)) fullest = owner
    let largest = asking
    for (const holder of this.#holders) {
      if (!(holder.isPartial || holder === asking) || holder.owner !== fullest) continue
      if (largest.owner !== fullest || sizeOf(holder) > sizeOf(largest)) largest = holder
    }
    return largest
  }
}
