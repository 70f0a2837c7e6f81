import type { PredictionApp } from 'sluice-example-prediction-app'

interface Counts {
  /** Requests that came. */
  total: number
  /** Those of them that a limit refused. */
  limited: number
}

/** What `GET /metrics` answers. */
interface Metrics {
  readonly total_requests: number
  readonly limited_requests: number
  /** By the method and path that a route was declared with, so that no client can make up new ones. */
  readonly endpoints: Readonly<Record<string, Readonly<Counts>>>
}

/** Where requests are counted that no route takes. */
const ELSEWHERE = 'elsewhere'

/**
 * Counts what an app's routes are asked for and what they refuse, and tells it at `GET /metrics`. Each refusal is a warning with
 * its client and endpoint. Routes that its OpenAPI page hides are
 * not counted, and so neither is this one. The limits are none of its business.
 */
export function countRequests(app: PredictionApp, warn: (message: string) => void = console.warn): void {
  const endpoints = new Map<string, Counts>()

  // When the answer has been sent or its client has gone: each request once, however it ended.
  app.addHook('onResponse', async ({ ip, method, routeOptions }, reply) => {
    if (routeOptions.schema?.hide === true) return
    const name = routeOptions.url === undefined ? ELSEWHERE : `${method} ${routeOptions.url}`
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
