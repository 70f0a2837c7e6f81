/** Replaces a missing upper bound, because JSON cannot represent infinity. */
const UNBOUNDED = Number.MAX_VALUE

/**
 * Wraps a store whose token buckets have a single key, and records its refunds: the time `at` of
 * the take, and bounds `from` and `to` of the time of the refund. All times are by the store's
 * clock, in milliseconds.
 *
 * A settlement returns no time. Its refund is made after the latest store time that this process
 * knew when it sent the settlement, and before the time of any take sent after the settlement was
 * confirmed.
 *
 * @param {any} inner
 */
export function recordRefunds(inner) {
  /** @type {{ at: number, cost: number, from: number, to: number }[]} */
  const refunds = []
  /** @type {Set<{ to: number }>} confirmed refunds without a known upper bound */
  const confirmed = new Set()
  let latest = Number.NEGATIVE_INFINITY
  const store = {
    ...inner,
    /** @param {any} charges */
    take: (charges) => {
      const taken = inner.take(charges)
      if (isOfBucket(charges[0])) onTake(taken, [...confirmed])
      return taken
    },
    /** @param {any} settlements */
    settle: async (settlements) => {
      const recorded = settlements.filter((/** @type {any} */ { charge }) => isOfBucket(charge)).map(toRefund)
      refunds.push(...recorded)
      // If this fails, the time of the refund has no upper bound.
      await inner.settle(settlements)
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
    return { at: taken.at, cost: taken.cost - cost, from: Math.max(latest, taken.at), to: UNBOUNDED }
  }
}

/** @param {any} charge */
function isOfBucket({ limit }) {
  return limit.algorithm === 'token-bucket'
}
