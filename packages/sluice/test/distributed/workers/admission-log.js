/** The possible sources of an admission. */
const SOURCES = ['store', 'local', 'open']
const WIDTH = 5

/**
 * Records admissions outside the JavaScript heap, so that they do not distort the measured memory.
 */
export class AdmissionLog {
  #numbers
  #length = 0

  /** @param {number} capacity */
  constructor(capacity) {
    this.#numbers = new Float64Array(capacity * WIDTH)
  }

  /**
   * @param {{ kind: number, source: string, at: number, heldFrom: number, heldUntil: number }}
   *   admission
   */
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
