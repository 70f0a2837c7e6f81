/** Responses whose hidden output is averaged. */
const HIDDEN_REMEMBERED = 256
/** Streams of which most must report their usage. */
const STREAMS_JUDGED = 24
const MIN_WITH_USAGE = 20
/** Responses of which one must be a stream. */
const RESPONSES_JUDGED = 50

/** A response that has ended. */
export interface EndedResponse {
  readonly isStream: boolean
  /** The output that the usage of the response reports; undefined without usage. */
  readonly output: number | undefined
  /** The output that the client received. */
  readonly visibleOutput: number
}

/**
 * Why the window is off. It measures when responses begin, so it needs streams, and their usage to
 * know how much the server thought before it showed anything.
 */
export type OffReason = 'no usage' | 'no streams' | 'hidden work'

/** Remembers what the last responses say about how far their beginning can be trusted. */
export class AnswerHistory {
  readonly #hidden = new Float32Array(HIDDEN_REMEMBERED)
  #hiddenSum = 0
  #hiddenCount = 0
  readonly #hasUsage = new Uint8Array(STREAMS_JUDGED)
  #streams = 0
  #withUsage = 0
  #sinceStream = 0
  #responses = 0

  /** The number of responses that have ended. */
  get responses(): number {
    return this.#responses
  }

  add({ isStream, output, visibleOutput }: EndedResponse): void {
    this.#responses++
    this.#sinceStream = isStream ? 0 : this.#sinceStream + 1
    if (!isStream) return
    const place = this.#streams++ % STREAMS_JUDGED
    this.#withUsage += (output === undefined ? 0 : 1) - (this.#hasUsage[place] as number)
    this.#hasUsage[place] = output === undefined ? 0 : 1
    if (output === undefined) return
    const index = this.#hiddenCount++ % HIDDEN_REMEMBERED
    const hidden = Math.fround(Math.max(0, output - visibleOutput))
    this.#hiddenSum += hidden - (this.#hidden[index] as number)
    this.#hidden[index] = hidden
  }

  /** The mean output that a server produces before it shows anything. */
  get meanHidden(): number {
    return this.#hiddenCount === 0 ? 0 : this.#hiddenSum / Math.min(this.#hiddenCount, HIDDEN_REMEMBERED)
  }

  /** Why the beginnings of responses cannot be trusted; undefined if they can, or too few are known. */
  get doubt(): Exclude<OffReason, 'hidden work'> | undefined {
    if (this.#sinceStream >= RESPONSES_JUDGED) return 'no streams'
    return this.#streams >= STREAMS_JUDGED && this.#withUsage < MIN_WITH_USAGE ? 'no usage' : undefined
  }
}
