/**
 * What a limiter would do, worked out slowly and from the definitions alone, in whole numbers: times are ticks of 100 ns, and
 * nothing is rounded. Nothing of the library is used.
 */

export interface SlowRequest {
  readonly at: number
  readonly cost: number
  /** How long it runs, in ticks. */
  readonly runs: number
}

export const TICKS_A_MILLISECOND = 10_000

/** The indices of the requests of one key that are refused. */
export type SlowLimit = (requests: readonly SlowRequest[], limit: number, period: number) => Set<number>

export const SLOW_LIMITS: Readonly<Record<string, SlowLimit>> = {
  /** A bucket that holds `limit`, full at first; `limit` flow in a period. Counted in units of 1/period. */
  'token-bucket': (requests, limit, period) => {
    let level = limit * period
    let then = 0
    return refusedOf(requests, ({ at, cost }) => {
      level = Math.min(limit * period, level + (at - then) * limit)
      then = at
      if (level < cost * period) return false
      level -= cost * period
      return true
    })
  },

  /** A window opens with the first request after the last window. */
  'fixed-window': (requests, limit, period) => {
    let opened = Number.NEGATIVE_INFINITY
    let count = 0
    return refusedOf(requests, ({ at, cost }) => {
      if (at >= opened + period || count === 0) {
        opened = at
        count = 0
      }
      if (count + cost > limit) return false
      count += cost
      return true
    })
  },

  /** previous · (1 − elapsed / period) + current, with windows that follow one another while there are requests. */
  'sliding-window': (requests, limit, period) => {
    let start = 0
    let previous = 0
    let current = 0
    return refusedOf(requests, ({ at, cost }) => {
      const windows = Math.floor((at - start) / period)
      if ((previous === 0 && current === 0) || windows >= 2) {
        start = at
        previous = 0
        current = 0
      } else if (windows === 1) {
        start += period
        previous = current
        current = 0
      }
      const estimate = previous * (period - (at - start)) + (current + cost) * period
      if (estimate > limit * period) return false
      current += cost
      return true
    })
  },

  /** Everything that was let in is kept, and all of it looked through each time. */
  'sliding-log': (requests, limit, period) => {
    const letIn: SlowRequest[] = []
    return refusedOf(requests, (request) => {
      const held = letIn.filter(({ at }) => request.at - at < period)
      const sum = held.reduce((total, { cost }) => total + cost, 0)
      if (sum + request.cost > limit) return false
      letIn.push(request)
      return true
    })
  },

  /** Those that run are looked through each time; who ends at a moment has ended. */
  concurrency: (requests, limit) => {
    const letIn: SlowRequest[] = []
    return refusedOf(requests, (request) => {
      const running = letIn.filter(({ at, runs }) => at + runs > request.at)
      if (running.length + 1 > limit) return false
      letIn.push(request)
      return true
    })
  },
}

/**
 * How many of the refused would have kept the bound, given what was let in before: at most `limit` in the trailing period; for the
 * bucket, at most limit + limit · t / period in every interval that ends with the request.
 */
export function slowFalseRefusals(
  algorithm: string,
  requests: readonly SlowRequest[],
  refused: ReadonlySet<number>,
  limit: number,
  period: number,
): number {
  const letIn: SlowRequest[] = []
  let count = 0
  for (const [index, request] of requests.entries()) {
    if (!refused.has(index)) letIn.push(request)
    else if (wouldKeepBound(algorithm, letIn, request, limit, period)) count++
  }
  return count
}

function wouldKeepBound(
  algorithm: string,
  letIn: readonly SlowRequest[],
  request: SlowRequest,
  limit: number,
  period: number,
): boolean {
  if (algorithm === 'concurrency')
    return letIn.filter(({ at, runs }) => at + runs > request.at).length + 1 <= limit
  if (algorithm !== 'token-bucket') {
    const held = letIn.filter(({ at }) => request.at - at < period)
    return held.reduce((total, { cost }) => total + cost, 0) + request.cost <= limit
  }
  let sum = request.cost
  let keeps = sum <= limit
  for (const { at, cost } of [...letIn].reverse()) {
    sum += cost
    keeps &&= sum * period <= limit * period + limit * (request.at - at)
  }
  return keeps
}

function refusedOf(requests: readonly SlowRequest[], letsIn: (request: SlowRequest) => boolean): Set<number> {
  const refused = new Set<number>()
  for (const [index, request] of requests.entries()) if (!letsIn(request)) refused.add(index)
  return refused
}
