/** Cuts a text that comes in pieces where one of the stop sequences begins. */
export class StopSequences {
  readonly #stops: readonly string[]
  #held = ''

  /** @param stops texts of at least one character */
  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  /**
   * What can be sent after one more piece. The start of what may become a stop sequence is held back.
   * After `stopped` nothing more may be added.
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

  /** What was held back, once it is known that nothing follows. */
  rest(): string {
    return this.#held
  }
}

/** How many characters at the end of the text are the start of the stop sequence. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length
  }
  return 0
}
