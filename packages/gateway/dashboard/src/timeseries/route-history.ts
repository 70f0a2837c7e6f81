import type { RouteSample, Sample } from '../../../src/server/admin/api/live-samples.js'
import { mergePeriods, NO_TRAFFIC, trafficOf } from './buckets.js'

/** The traffic of a route in a period. */
export interface RouteTraffic {
  readonly route: string
  readonly traffic: RouteSample
  /** Requests per second, oldest first. */
  readonly requests: readonly number[]
}

/** Returns the routes with traffic, busiest first. */
export function routesIn(samples: readonly Sample[]): RouteTraffic[] {
  const names = new Set(samples.flatMap(({ routes }) => Object.keys(routes)))
  const newest = samples.at(-1)
  return [...names]
    .map((route) => {
      const seconds = samples.map((sample) => trafficOf(sample, route))
      const { inFlight, waiting } = newest === undefined ? NO_TRAFFIC : trafficOf(newest, route)
      return {
        route,
        traffic: { ...seconds.reduce(mergePeriods, NO_TRAFFIC), inFlight, waiting },
        requests: seconds.map(requestsIn),
      }
    })
    .sort((a, b) => requestsIn(b.traffic) - requestsIn(a.traffic) || a.route.localeCompare(b.route))
}

export function requestsIn({ allowed, refused, failed }: RouteSample): number {
  return allowed + refused + failed
}
