/** By whom something was let in. */
const SOURCES = ['store', 'local', 'open']
const WIDTH = 5

/** What was let in, kept beside the heap: it shall not count as memory of what is under test. */
export class AdmissionLog {
  #numbers
  #length = 0

  /** @param {number} most */
  constructor(most) {
    this.#numbers = new Float64Array(most * WIDTH)
  }

  /** @param {{ kind: number, source: string, at: number, heldFrom: number, heldUntil: number }} admission */
  add({ kind, source, at, heldFrom, heldUntil }) {
    this.#numbers.set([kind, SOURCES.indexOf(source), at, heldFrom, heldUntil], this.#length++ * WIDTH)
  }

  rows() {
    return Array.from({ length: this.#length }, (_, row) => {
      const [kind, source = 0, at, heldFrom, heldUntil] = this.#numbers.subarray(row * WIDTH)
      return { kind, source: SOURCES[source], at, heldFrom, heldUntil }
    })
  }
}
