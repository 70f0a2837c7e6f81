/**
 * A store whose takes somebody looks at.
 *
 * @param {any} inside
 * @param {(taken: any) => void} look
 */
export function watchTakes(inside, look) {
  return {
    /** @param {any} charges */
    take: (charges) => {
      const taken = inside.take(charges)
      look(taken)
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
