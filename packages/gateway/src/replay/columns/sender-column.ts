/** A whole number for each who sends requests, by their number; 0 where none was set. */
export class SenderColumn {
  #values = new Int32Array(1024)

  get(sender: number): number {
    return sender >= 0 && sender < this.#values.length ? (this.#values[sender] as number) : 0
  }

  set(sender: number, value: number): void {
    if (sender >= this.#values.length) {
      const grown = new Int32Array(2 * sender)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[sender] = value
  }
}
