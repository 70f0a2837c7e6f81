/** A moment that nobody knows; infinity is no JSON. */
const NEVER = Number.MAX_VALUE

/**
 * A store of which somebody keeps what is given back to its token buckets, of one key: `at` which time it was taken, and between which
 * moments, `from` and `to`, it was given back. All by the store's clock, in milliseconds. A settlement is not told when it was made: that is after the
 * latest time that this process was told before it, and before the time of a take that it sent once the settlement was answered.
 *
 * @param {any} inside
 */
export function watchGivenBack(inside) {
  /** @type {{ at: number, cost: number, from: number, to: number }[]} */
  const givenBack = []
  /** @type {Set<{ to: number }>} those that were answered, while no later time is known */
  const done = new Set()
  let latest = Number.NEGATIVE_INFINITY
  const store = {
    ...inside,
    /** @param {any} charges */
    take: (charges) => {
      const taken = inside.take(charges)
      if (isOfBucket(charges[0])) hear(taken, [...done])
      return taken
    },
    /** @param {any} settlements */
    settle: async (settlements) => {
      const noted = settlements.filter((/** @type {any} */ { charge }) => isOfBucket(charge)).map(asGivenBack)
      givenBack.push(...noted)
      // Where this fails, nobody knows whether and when it was made.
      await inside.settle(settlements)
      for (const each of noted) done.add(each)
    },
  }
  return { store, givenBack }

  /**
   * @param {Promise<any>} taken
   * @param {{ to: number }[]} before what was given back before the take was sent
   */
  async function hear(taken, before) {
    try {
      const [{ at, remembered }] = await taken
      if (remembered) return
      latest = Math.max(latest, at)
      for (const each of before) {
        each.to = Math.min(each.to, at)
        done.delete(each)
      }
    } catch {
      // Who asked sees to it.
    }
  }

  /** @param {{ taken: { at: number, cost: number }, cost: number }} settlement */
  function asGivenBack({ taken, cost }) {
    return { at: taken.at, cost: taken.cost - cost, from: Math.max(latest, taken.at), to: NEVER }
  }
}

/** @param {any} charge */
function isOfBucket({ limit }) {
  return limit.algorithm === 'token-bucket'
}
