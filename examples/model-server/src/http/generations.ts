/** Counters of the language model, for /healthz and tests. */
export interface GenerationCounts {
  /** Number of running responses. */
  readonly running: number
  /** Number of responses that wait until another one ends. */
  readonly waiting: number
  /** Number of responses that were aborted because the client disconnected. */
  readonly abandoned: number
  /** Number of tokens generated so far, including those of aborted responses. */
  readonly tokens: number
}

/** The responses of the language model. Only so many run at once; the others wait in their order. */
export class Generations implements GenerationCounts {
  running = 0
  abandoned = 0
  tokens = 0
  readonly #maxRunning: number
  readonly #starts = new Set<() => void>()

  constructor(maxRunning: number) {
    this.#maxRunning = maxRunning
  }

  get waiting(): number {
    return this.#starts.size
  }

  /** Waits until a response may run. Each one that has begun must end. @throws the signal's reason */
  async begin(signal: AbortSignal): Promise<void> {
    if (this.running < this.#maxRunning) {
      this.running++
      return
    }
    await new Promise<void>((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#starts.delete(start)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#starts.add(start)
    })
  }

  end(): void {
    const [start] = this.#starts
    if (start === undefined) {
      this.running--
      return
    }
    this.#starts.delete(start)
    start()
  }
}
