import { type DurationQuantiles, quantilesOf } from './duration-quantiles.js'
import type { LoggedRequest } from './served-log.js'

/** The state of the server over time. */
export interface ServerTimeline {
  /** Width of each interval in milliseconds. */
  readonly width: number
  /** The tenants of `service`, in the same order as in the report. */
  readonly tenants: readonly string[]
  readonly intervals: readonly ServerInterval[]
}

interface ServerInterval {
  /** Start, in milliseconds since the epoch. */
  readonly at: number
  /** Mean number of requests that waited at the gateway, that waited at the server, and that it had. */
  readonly waitingAtGateway: number
  readonly waitingAtServer: number
  readonly inFlight: number
  /** Mean number of requests that could be on their way; null without a hand-over window. */
  readonly window: number | null
  /** Of requests that arrived in the interval, in milliseconds; null if none of them began. */
  readonly firstToken: DurationQuantiles | null
  /** Weighted tokens per second by tenant. */
  readonly service: readonly number[]
}

const MAX_INTERVALS = 60

interface TimelineContext {
  readonly from: number
  readonly to: number
  /** Milliseconds since the epoch at time 0. */
  readonly origin: number
  /** The tenants to show. The last one stands for all that are not listed. */
  readonly tenants: readonly string[]
  readonly queueTimeAt: (at: number) => number
  readonly windowTimeAt: ((at: number) => number) | undefined
}

/** Builds the timeline of a log, in at most 60 intervals of whole seconds. */
export function serverTimeline(requests: Iterable<LoggedRequest>, context: TimelineContext): ServerTimeline {
  const { from, to, origin, tenants, queueTimeAt, windowTimeAt } = context
  const width = Math.max(1, Math.ceil((to - from) / MAX_INTERVALS / 1000)) * 1000
  const count = Math.max(1, Math.ceil((to - from) / width))
  const numbers = () => new Float64Array(count)
  const queued = numbers()
  const inFlight = numbers()
  const firstTokens = Array.from({ length: count }, (): number[] => [])
  const services = tenants.map(numbers)
  const indexes = new Map(tenants.map((tenant, index) => [tenant, index]))
  const intervalOf = (at: number) => Math.min(count - 1, Math.floor((at - from) / width))
  /** Adds an amount to the intervals between two times, in proportion to the overlap. */
  const spread = (into: Float64Array, start: number, end: number, amount: number) => {
    for (let index = intervalOf(start); index <= intervalOf(end); index++) {
      const begin = from + index * width
      const overlap = Math.min(end, begin + width) - Math.max(start, begin)
      into[index] = (into[index] as number) + (end > start ? (amount * overlap) / (end - start) : amount)
    }
  }
  for (const { tenant, arrivedAt, decidedAt, sentAt, beganAt, endedAt, service } of requests) {
    spread(queued, arrivedAt, decidedAt, decidedAt - arrivedAt)
    if (beganAt !== undefined) firstTokens[intervalOf(arrivedAt)]?.push(beganAt - arrivedAt)
    if (sentAt === undefined || endedAt === undefined) continue
    spread(inFlight, sentAt, endedAt, endedAt - sentAt)
    const own = services[indexes.get(tenant) ?? services.length - 1]
    if (beganAt !== undefined && own !== undefined) spread(own, beganAt, endedAt, service)
  }
  const intervals = Array.from({ length: count }, (_, index): ServerInterval => {
    const begin = from + index * width
    return {
      at: origin + begin,
      waitingAtGateway: (queued[index] as number) / width,
      waitingAtServer: (queueTimeAt(begin + width) - queueTimeAt(begin)) / width,
      inFlight: (inFlight[index] as number) / width,
      window: windowTimeAt === undefined ? null : (windowTimeAt(begin + width) - windowTimeAt(begin)) / width,
      firstToken: quantilesOf(firstTokens[index] as number[]),
      service: services.map((own) => ((own[index] as number) / width) * 1000),
    }
  })
  return { width, tenants, intervals }
}
