/** A request whose service is compared with that of other clients. Times are in milliseconds. */
export interface ServedRequest {
  readonly tenant: string
  readonly arrivedAt: number
  /** Undefined if the request was not served. */
  readonly beganAt?: number | undefined
  readonly endedAt?: number | undefined
  /** Weighted tokens: input + 2 × output. */
  readonly service: number
}

export interface ServiceGap {
  readonly max: number
  readonly mean: number
  readonly variance: number
}

const WINDOW_MS = 60_000
const INTERVALS = 20
/** Requests that took less are left out, since a rate cannot be computed from them. */
const MIN_DURATION_MS = 0.01

/**
 * Computes the difference in service between tenants, in weighted tokens per second, as in section 5
 * of "Fairness in Serving Large Language Models" (OSDI 2024), in the form of its published code:
 * github.com/Ying1123/VTC-artifact at 192c2e2, `fair_bench/plot/visualize.py`.
 *
 * It looks at 19 moments at equal distances between the first and the last arrival. In the 60 s
 * around each, a tenant lacks what the best served one got more, but at most the difference between
 * what the tenant asked for and got. The gap of the moment is the sum over all tenants.
 */
export function serviceGap(requests: readonly ServedRequest[]): ServiceGap {
  const end = Math.floor(Math.max(0, ...requests.map(({ arrivedAt }) => arrivedAt)) / 1000) * 1000
  const gaps = Array.from({ length: INTERVALS - 1 }, (_, index) =>
    gapAt((end / INTERVALS) * (index + 1), requests),
  )
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
  return { max: Math.max(...gaps), mean, variance }
}

function gapAt(moment: number, requests: readonly ServedRequest[]): number {
  const [from, to] = [moment - WINDOW_MS / 2, moment + WINDOW_MS / 2]
  const served = new Map<string, number>()
  const asked = new Map<string, number>()
  for (const { tenant, arrivedAt, beganAt, endedAt, service } of requests) {
    const isAsked = from <= arrivedAt && arrivedAt <= to
    asked.set(tenant, (asked.get(tenant) ?? 0) + (isAsked ? service : 0))
    if (beganAt === undefined || endedAt === undefined || endedAt - beganAt < MIN_DURATION_MS) continue
    const overlap = Math.max(0, Math.min(to, endedAt) - Math.max(from, beganAt))
    served.set(tenant, (served.get(tenant) ?? 0) + (service * overlap) / (endedAt - beganAt))
  }
  const most = Math.max(0, ...served.values())
  let sum = 0
  for (const [tenant, wanted] of asked) {
    const got = served.get(tenant) ?? 0
    sum += Math.min(most - got, Math.abs(wanted - got))
  }
  return sum / (WINDOW_MS / 1000)
}
