/** An unknown time. JSON cannot represent infinity. */
const NEVER = Number.MAX_VALUE

/**
 * Wraps a store and records the refunds of one key of its token buckets: the time `at` of the take,
 * and bounds `from` and `to` of the time of the refund. All times are by the store's clock, in
 * milliseconds.
 *
 * A settlement returns no time. It is made after the latest store time that this process knew when
 * it sent the settlement, and before the time of any take sent after the settlement was confirmed.
 *
 * @param {any} inside
 */
export function recordRefunds(inside) {
  /** @type {{ at: number, cost: number, from: number, to: number }[]} */
  const refunds = []
  /** @type {Set<{ to: number }>} confirmed refunds for which no upper bound is known yet */
  const confirmed = new Set()
  let latest = Number.NEGATIVE_INFINITY
  const store = {
    ...inside,
    /** @param {any} charges */
    take: (charges) => {
      const taken = inside.take(charges)
      if (isOfBucket(charges[0])) onTake(taken, [...confirmed])
      return taken
    },
    /** @param {any} settlements */
    settle: async (settlements) => {
      const recorded = settlements.filter((/** @type {any} */ { charge }) => isOfBucket(charge)).map(toRefund)
      refunds.push(...recorded)
      // If this fails, the time of the refund has no upper bound.
      await inside.settle(settlements)
      for (const each of recorded) confirmed.add(each)
    },
  }
  return { store, refunds }

  /**
   * @param {Promise<any>} taken
   * @param {{ to: number }[]} before refunds confirmed before the take was sent
   */
  async function onTake(taken, before) {
    try {
      const [{ at, remembered }] = await taken
      if (remembered) return
      latest = Math.max(latest, at)
      for (const each of before) {
        each.to = Math.min(each.to, at)
        confirmed.delete(each)
      }
    } catch {
      // The caller handles the error.
    }
  }

  /** @param {{ taken: { at: number, cost: number }, cost: number }} settlement */
  function toRefund({ taken, cost }) {
    return { at: taken.at, cost: taken.cost - cost, from: Math.max(latest, taken.at), to: NEVER }
  }
}

/** @param {any} charge */
function isOfBucket({ limit }) {
  return limit.algorithm === 'token-bucket'
}
