import type { Log } from '../logging/log.js'
import type { Observer } from './observer.js'

/** The most routes that are remembered, so that many reloads take no memory. */
const MAX_ROUTES = 10_000

/** Logs which routes have answers that cannot be read. Once for each route and reason: a metric counts them. */
export function unreadableResponseLog(log: Pick<Log, 'warn'>): Pick<Observer, 'onUnreadableResponse'> {
  const logged = new Set<string>()
  return {
    onUnreadableResponse(route, reason) {
      const key = JSON.stringify([route, reason])
      if (logged.has(key) || logged.size >= MAX_ROUTES) return
      logged.add(key)
      log.warn(
        { route, reason },
        "an answer could not be read and was charged by its bytes; check the route's 'llm' (logged once)",
      )
    },
  }
}
