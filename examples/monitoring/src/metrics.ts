import type { PredictionApp } from 'sluice-example-prediction-app'

interface Counts {
  /** All requests. */
  total: number
  /** Requests refused by a limit. */
  limited: number
}

/** Response of `GET /metrics`. */
interface Metrics {
  readonly total_requests: number
  readonly limited_requests: number
  /** Counts by the method and path that the route declares, so that clients cannot add entries. */
  readonly endpoints: Readonly<Record<string, Readonly<Counts>>>
}

/** Name under which requests without a route are counted. */
const UNROUTED = 'unrouted'

/**
 * Counts the requests and refusals of each route and serves the counts at `GET /metrics`. Each
 * refusal is logged as a warning with its client and endpoint. Routes that the OpenAPI page hides,
 * including `GET /metrics`, are not counted.
 */
export function countRequests(app: PredictionApp, warn: (message: string) => void = console.warn): void {
  const endpoints = new Map<string, Counts>()

  // Runs once per request, after the response or when the client disconnects.
  app.addHook('onResponse', async ({ ip, method, routeOptions }, reply) => {
    if (routeOptions.schema?.hide === true) return
    const name = routeOptions.url === undefined ? UNROUTED : `${method} ${routeOptions.url}`
    const counts = endpoints.get(name) ?? { total: 0, limited: 0 }
    endpoints.set(name, counts)
    counts.total++
    if (reply.statusCode !== 429) return
    counts.limited++
    warn(`rate limit exceeded: client ${ip}, endpoint ${name}`)
  })

  app.get('/metrics', { schema: { hide: true } }, async (): Promise<Metrics> => {
    const counts = [...endpoints.values()]
    return {
      total_requests: counts.reduce((sum, { total }) => sum + total, 0),
      limited_requests: counts.reduce((sum, { limited }) => sum + limited, 0),
      endpoints: Object.fromEntries(endpoints),
    }
  })
}
