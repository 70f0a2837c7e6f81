import type { Log } from '../logging/log.js'
import type { Observer } from './observer.js'

/** Maximum number of remembered routes and reasons, which bounds memory over many reloads. */
const MAX_ENTRIES = 10_000

/**
 * Logs routes whose model responses cannot be parsed, once for each route and reason. A metric
 * counts all such responses.
 */
export function unreadableResponseLog(log: Pick<Log, 'warn'>): Pick<Observer, 'onUnreadableResponse'> {
  const logged = new Set<string>()
  return {
    onUnreadableResponse(route, reason) {
      const key = JSON.stringify([route, reason])
      if (logged.has(key) || logged.size >= MAX_ENTRIES) return
      logged.add(key)
      log.warn(
        { route, reason },
        "cannot parse a model response; charged by its size; check 'llm' of the route (logged once)",
      )
    },
  }
}
