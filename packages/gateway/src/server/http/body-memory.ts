/** A body in memory, complete or still being read. */
interface LeasedBody {
  readonly owner: string
  bytes: number
  /** True while the body is being read, and may therefore be evicted. */
  isPartial: boolean
  /** Stops reading the body. */
  readonly evict: () => void
}

/** The memory leased to one body. */
export interface BodyLease {
  /** Leases more memory. @returns false if there is not enough */
  grow(bytes: number): boolean
  /**
   * Marks the body as complete with a size of `bytes`. It is no longer evicted, and may grow again
   * while it is parsed.
   */
  complete(bytes: number): void
  /** Releases all of the memory. Idempotent. */
  release(): void
}

/** The lease of a body that is bounded only by its own size limit. */
export const UNBOUNDED: BodyLease = { grow: () => true, complete() {}, release() {} }

/**
 * Bounds the memory of all request bodies that a process holds.
 *
 * When the memory is exhausted, bodies that are still being read are evicted, largest owner first.
 * The owner with the most memory, in one body or in many, loses its largest body. If that body is
 * the one that needs more memory, it is refused the memory instead.
 */
export class BodyMemory {
  readonly #bodies = new Set<LeasedBody>()
  #limit: number
  #held = 0
  #refused = 0

  /** @param limit maximum number of bytes across all bodies */
  constructor(limit: number) {
    this.#limit = limit
  }

  get limit(): number {
    return this.#limit
  }

  /** Number of bytes currently leased. */
  get held(): number {
    return this.#held
  }

  /** Number of bodies that were refused memory or evicted so far. */
  get refused(): number {
    return this.#refused
  }

  /** Changes the limit. Existing leases are kept. */
  setLimit(limit: number): void {
    this.#limit = limit
  }

  /**
   * Opens a lease for a body.
   *
   * @param owner the client to which the memory is attributed
   * @param evict stops reading the body; called after the lease is released
   */
  lease(owner: string, evict: () => void): BodyLease {
    const body: LeasedBody = { owner, bytes: 0, isPartial: true, evict }
    this.#bodies.add(body)
    return {
      grow: (bytes) => {
        if (!this.#bodies.has(body)) return false
        const fits = this.#makeRoom(body, bytes)
        if (fits) this.#add(body, bytes)
        else this.#refused++
        return fits
      },
      complete: (bytes) => {
        if (!this.#bodies.has(body)) return
        this.#add(body, bytes - body.bytes)
        body.isPartial = false
      },
      release: () => this.#release(body),
    }
  }

  #add(body: LeasedBody, bytes: number): void {
    body.bytes += bytes
    this.#held += bytes
  }

  #release(body: LeasedBody): void {
    if (this.#bodies.delete(body)) this.#held -= body.bytes
  }

  #makeRoom(requester: LeasedBody, bytes: number): boolean {
    if (bytes > this.#limit) return false
    while (this.#held + bytes > this.#limit) {
      const largest = this.#largestOf(requester, bytes)
      if (largest === requester) return false
      this.#refused++
      this.#release(largest)
      largest.evict()
    }
    return true
  }

  /** Finds the largest evictable body of the largest owner, including the requested bytes. */
  #largestOf(requester: LeasedBody, bytes: number): LeasedBody {
    const sizeOf = (body: LeasedBody) => body.bytes + (body === requester ? bytes : 0)
    const totals = new Map<string, number>()
    for (const body of this.#bodies)
      if (body.isPartial || body === requester)
        totals.set(body.owner, (totals.get(body.owner) ?? 0) + sizeOf(body))
    let largestOwner = requester.owner
    for (const [owner, total] of totals) if (total > (totals.get(largestOwner) ?? 0)) largestOwner = owner
    let largest = requester
    for (const body of this.#bodies) {
      if (!(body.isPartial || body === requester) || body.owner !== largestOwner) continue
      if (largest.owner !== largestOwner || sizeOf(body) > sizeOf(largest)) largest = body
    }
    return largest
  }
}
