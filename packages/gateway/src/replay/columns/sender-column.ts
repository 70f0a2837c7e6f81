/** An integer per sender, by sender number; 0 by default. */
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
