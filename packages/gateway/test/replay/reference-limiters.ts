/**
 * Slow reference implementations of the algorithms, which follow the definitions literally and
 * share no code with the library. Times are in ticks of 100 ns, and all numbers are integers, so
 * nothing is rounded.
 */

export interface ReferenceRequest {
  readonly at: number
  readonly cost: number
  /** Duration in ticks. */
  readonly duration: number
}

export const TICKS_PER_MS = 10_000

/** Returns the indexes of the refused requests of one key. */
export type ReferenceLimiter = (
  requests: readonly ReferenceRequest[],
  limit: number,
  period: number,
) => Set<number>

export const REFERENCE_LIMITERS: Readonly<Record<string, ReferenceLimiter>> = {
  /**
   * A bucket of `limit`, initially full, refilled by `limit` per period. Levels are in units of
   * 1/period.
   */
  'token-bucket': (requests, limit, period) => {
    let level = limit * period
    let lastAt = 0
    return refusedOf(requests, ({ at, cost }) => {
      level = Math.min(limit * period, level + (at - lastAt) * limit)
      lastAt = at
      if (level < cost * period) return false
      level -= cost * period
      return true
    })
  },

  /** A window starts with the first request after the previous window. */
  'fixed-window': (requests, limit, period) => {
    let windowStart = Number.NEGATIVE_INFINITY
    let count = 0
    return refusedOf(requests, ({ at, cost }) => {
      if (at >= windowStart + period || count === 0) {
        windowStart = at
        count = 0
      }
      if (count + cost > limit) return false
      count += cost
      return true
    })
  },

  /** Estimates previous · (1 − elapsed / period) + current, over consecutive windows. */
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

  /** Scans all admitted requests for each decision. */
  'sliding-log': (requests, limit, period) => {
    const admitted: ReferenceRequest[] = []
    return refusedOf(requests, (request) => {
      const recent = admitted.filter(({ at }) => request.at - at < period)
      const sum = recent.reduce((total, { cost }) => total + cost, 0)
      if (sum + request.cost > limit) return false
      admitted.push(request)
      return true
    })
  },

  /** Scans the running requests for each decision. A request ends before a simultaneous arrival. */
  concurrency: (requests, limit) => {
    const admitted: ReferenceRequest[] = []
    return refusedOf(requests, (request) => {
      const running = admitted.filter(({ at, duration }) => at + duration > request.at)
      if (running.length + 1 > limit) return false
      admitted.push(request)
      return true
    })
  },
}

/**
 * Counts the refused requests that would not have exceeded the bound together with those admitted
 * before. The bound is `limit` in the trailing period. For the token bucket, it is
 * limit + limit · t / period in every interval of length t that ends with the request.
 */
export function countFalseRefusals(
  algorithm: string,
  requests: readonly ReferenceRequest[],
  refused: ReadonlySet<number>,
  limit: number,
  period: number,
): number {
  const admitted: ReferenceRequest[] = []
  let count = 0
  for (const [index, request] of requests.entries()) {
    if (!refused.has(index)) admitted.push(request)
    else if (fitsBound(algorithm, admitted, request, limit, period)) count++
  }
  return count
}

function fitsBound(
  algorithm: string,
  admitted: readonly ReferenceRequest[],
  request: ReferenceRequest,
  limit: number,
  period: number,
): boolean {
  if (algorithm === 'concurrency')
    return admitted.filter(({ at, duration }) => at + duration > request.at).length + 1 <= limit
  if (algorithm !== 'token-bucket') {
    const recent = admitted.filter(({ at }) => request.at - at < period)
    return recent.reduce((total, { cost }) => total + cost, 0) + request.cost <= limit
  }
  let sum = request.cost
  let fits = sum <= limit
  for (const { at, cost } of [...admitted].reverse()) {
    sum += cost
    fits &&= sum * period <= limit * period + limit * (request.at - at)
  }
  return fits
}

function refusedOf(
  requests: readonly ReferenceRequest[],
  admits: (request: ReferenceRequest) => boolean,
): Set<number> {
  const refused = new Set<number>()
  for (const [index, request] of requests.entries()) if (!admits(request)) refused.add(index)
  return refused
}
