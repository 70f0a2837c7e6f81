/**
 * Wraps a store and passes the result of every take to a callback.
 *
 * @param {any} inside
 * @param {(taken: any) => void} onTake
 */
export function watchTakes(inside, onTake) {
  return {
    /** @param {any} charges */
    take: (charges) => {
      const taken = inside.take(charges)
      onTake(taken)
      return taken
    },
    /** @param {any} charges */
    peek: (charges) => inside.peek(charges),
    /** @param {any} settlements */
    settle: (settlements) => inside.settle(settlements),
    /** @param {string[]} key */
    reset: (...key) => inside.reset(...key),
    close: () => inside.close(),
  }
}
