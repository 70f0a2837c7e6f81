import { type ClaimedNotice, MAX_NOTICES, type Notice, type Outbox } from './outbox.js'

interface Entry {
  readonly body: string
  readonly addedAt: number
  dueAt: number
  attempts: number
}

/** Maximum number of IDs that are remembered. */
const MAX_KNOWN = 50_000

/** An outbox in the memory of this process. It is lost when the process ends. */
export class MemoryOutbox implements Outbox {
  /** When each known ID is forgotten, in the order of their arrival. */
  readonly #known = new Map<string, number>()
  readonly #entries = new Map<string, Map<string, Entry>>()

  constructor(private readonly now: () => number = Date.now) {}

  async open(): Promise<void> {}

  async add({ id, body, rememberMs }: Notice, targets: readonly string[]) {
    const now = this.now()
    const knownUntil = this.#known.get(id)
    if (knownUntil !== undefined && knownUntil > now) return 'known'
    const queues = targets.map((target) => this.#queueOf(target))
    if (queues.some((queue) => queue.size >= MAX_NOTICES)) return 'full'
    this.#known.delete(id)
    this.#known.set(id, now + rememberMs)
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value as string)
    for (const queue of queues) queue.set(id, { body, addedAt: now, dueAt: now, attempts: 0 })
    return 'added'
  }

  async claim(target: string, leaseMs: number, max: number): Promise<readonly ClaimedNotice[]> {
    const now = this.now()
    const claimed: ClaimedNotice[] = []
    for (const [id, entry] of this.#queueOf(target)) {
      if (claimed.length >= max) break
      if (entry.dueAt > now) continue
      entry.dueAt = now + leaseMs
      entry.attempts++
      claimed.push({ id, body: entry.body, attempt: entry.attempts, ageMs: now - entry.addedAt })
    }
    return claimed
  }

  async remove(target: string, id: string): Promise<void> {
    this.#queueOf(target).delete(id)
  }

  async postpone(target: string, id: string, delayMs: number): Promise<void> {
    const entry = this.#queueOf(target).get(id)
    if (entry !== undefined) entry.dueAt = this.now() + delayMs
  }

  get volatile(): number {
    let count = 0
    for (const queue of this.#entries.values()) count += queue.size
    return count
  }

  async close(): Promise<void> {}

  #queueOf(target: string): Map<string, Entry> {
    let queue = this.#entries.get(target)
    if (queue === undefined) {
      queue = new Map()
      this.#entries.set(target, queue)
    }
    return queue
  }
}
