/** Cuts streamed text before the first stop sequence. */
export class StopSequences {
  readonly #stops: readonly string[]
  #held = ''

  /** @param stops strings of at least one character */
  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /**
   * Adds a piece and returns the text that can be sent. The beginning of a possible stop sequence
   * is held back. Once `stopped` is true, nothing more may be added.
   */
  add(piece: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + piece
    const starts = this.#stops.map((stop) => all.indexOf(stop)).filter((start) => start >= 0)
    if (starts.length > 0) {
      this.#held = ''
      return { text: all.slice(0, Math.min(...starts)), stopped: true }
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)))
    this.#held = all.slice(all.length - held)
    return { text: all.slice(0, all.length - held), stopped: false }
  }

  /** Returns the text that is still held back. Called at the end of the stream. */
  rest(): string {
    return this.#held
  }
}

/** Returns the length of the longest suffix that begins the stop sequence. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
