/** A request whose service is compared with that of other tenants. Times are in milliseconds. */
export interface ServedRequest {
  readonly tenant: string
  readonly arrivedAt: number
  /** Undefined if the request was not served. */
  readonly beganAt?: number | undefined
  readonly endedAt?: number | undefined
  /** Weighted tokens: input + 2 × output. */
  readonly service: number
}

/** In weighted tokens per second. */
export interface ServiceGap {
  readonly max: number
  readonly mean: number
  readonly variance: number
}

const WINDOW_MS = 60_000
const INTERVALS = 20
/** Requests that took less are left out, since they have no rate. */
const MIN_DURATION_MS = 0.01

/** What a tenant asked for and got in each window. */
interface TenantWindows {
  readonly asked: Float64Array
  readonly served: Float64Array
}

/**
 * Computes the difference in service between tenants, in weighted tokens per second, as in the
 * evaluation of "Fairness in Serving Large Language Models" (OSDI 2024), in the form of its
 * published code: github.com/Ying1123/VTC-artifact at 192c2e2, `fair_bench/plot/visualize.py`.
 *
 * It looks at 19 moments at equal distances from the start to the last arrival. In the 60 s around
 * each, a tenant lacks what the best served one got more, but at most the difference between what
 * the tenant asked for and got. The gap of the moment is the sum over all tenants.
 *
 * @param requests iterated twice
 * @param start time of the start
 */
export function serviceGap(requests: Iterable<ServedRequest>, start = 0): ServiceGap {
  let last = start
  for (const { arrivedAt } of requests) last = Math.max(last, arrivedAt)
  const interval = (Math.floor((last - start) / 1000) * 1000) / INTERVALS
  const moments = Array.from({ length: INTERVALS - 1 }, (_, index) => start + interval * (index + 1))
  const tenants = new Map<string, TenantWindows>()
  for (const request of requests) {
    let windows = tenants.get(request.tenant)
    if (windows === undefined) {
      windows = { asked: new Float64Array(moments.length), served: new Float64Array(moments.length) }
      tenants.set(request.tenant, windows)
    }
    for (const [index, moment] of moments.entries()) addTo(windows, index, moment, request)
  }
  const gaps = moments.map((_, index) => gapAt(index, [...tenants.values()]))
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length
  return { max: Math.max(...gaps), mean, variance }
}

function addTo(
  { asked, served }: TenantWindows,
  index: number,
  moment: number,
  request: ServedRequest,
): void {
  const { arrivedAt, beganAt, endedAt, service } = request
  const [from, to] = [moment - WINDOW_MS / 2, moment + WINDOW_MS / 2]
  if (from <= arrivedAt && arrivedAt <= to) asked[index] = (asked[index] as number) + service
  if (beganAt === undefined || endedAt === undefined || endedAt - beganAt < MIN_DURATION_MS) return
  const overlap = Math.max(0, Math.min(to, endedAt) - Math.max(from, beganAt))
  served[index] = (served[index] as number) + (service * overlap) / (endedAt - beganAt)
}

function gapAt(index: number, tenants: readonly TenantWindows[]): number {
  const most = tenants.reduce((max, { served }) => Math.max(max, served[index] as number), 0)
  let sum = 0
  for (const { asked, served } of tenants) {
    const [wanted, got] = [asked[index] as number, served[index] as number]
    sum += Math.min(most - got, Math.abs(wanted - got))
  }
  return sum / (WINDOW_MS / 1000)
}
