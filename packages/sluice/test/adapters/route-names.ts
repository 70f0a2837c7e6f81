import { onTestFinished } from 'vitest'
import type { HttpLimitOptions } from '../../src/http/http-limiter.js'
import type { LimiterEvent } from '../../src/limiter/event.js'
import { keyParts } from '../../src/rules/key.js'
import type { RunningApp } from './framework.js'
import { ask } from './requests.js'

/** A limit by the route, and the routes that it counted since it was last asked for them. */
export function routesCounted(): {
  readonly options: HttpLimitOptions<object>
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

/** The routes that an app counts for these paths, each of which it answers with 200. */
export async function routesOf(
  app: RunningApp,
  taken: () => (string | undefined)[],
  paths: readonly string[],
  headers: Record<string, string> = {},
): Promise<(string | undefined)[]> {
  onTestFinished(() => app.close())
  const answers: (string | number | undefined)[] = []
  for (const path of paths) {
    const { status } = await ask(app.port, path, { headers })
    const [route] = taken()
    answers.push(status === 200 ? route : status)
  }
  return answers as (string | undefined)[]
}
