import { onTestFinished } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { keyParts } from '../../src/rules/key.js'
import type { RunningApp } from './framework.js'
import { sendRequest } from './requests.js'

/** Creates options for a limit by route, and records the routes that it counts. */
export function recordRoutes(): {
  readonly options: HttpLimitOptions<object>
  /** Removes and returns the recorded routes. */
  taken(): (string | undefined)[]
} {
  const seen: (string | undefined)[] = []
  const listener = (event: LimiterEvent) => {
    if (event.type === 'allowed') seen.push(keyParts(event.quotas[0]?.key ?? '')[0])
  }
  return {
    options: { rules: [{ limit: '1000/hour', by: ['route', 'everyone'] }], listener },
    taken: () => seen.splice(0),
  }
}

/** Requests each path and returns the counted routes, or the status if it is not 200. */
export async function routesOf(
  app: RunningApp,
  taken: () => (string | undefined)[],
  paths: readonly string[],
  headers: Record<string, string> = {},
): Promise<(string | undefined)[]> {
  onTestFinished(() => app.close())
  const results: (string | number | undefined)[] = []
  for (const path of paths) {
    const { status } = await sendRequest(app.port, path, { headers })
    const [route] = taken()
    results.push(status === 200 ? route : status)
  }
  return results as (string | undefined)[]
}
