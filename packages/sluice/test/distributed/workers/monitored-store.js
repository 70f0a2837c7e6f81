/**
 * Wraps a store and passes the result of every take to a callback.
 *
 * @param {any} inner
 * @param {(taken: any) => void} onTake
 */
export function watchTakes(inner, onTake) {
  return {
    /** @param {any} charges */
    take: (charges) => {
      const taken = inner.take(charges)
      onTake(taken)
      return taken
    },
    /** @param {any} charges */
    peek: (charges) => inner.peek(charges),
    /** @param {any} settlements */
    settle: (settlements) => inner.settle(settlements),
    /** @param {string[]} key */
    reset: (...key) => inner.reset(...key),
    close: () => inner.close(),
  }
}
