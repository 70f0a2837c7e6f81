import type { Log } from '../logging/log.js'
import type { Observer } from './observer.js'

/** Maximum number of remembered warnings, which bounds memory over many reloads. */
const MAX_ENTRIES = 10_000

/**
 * Logs model responses that operators should know about, once for each route and kind: those that
 * cannot be parsed, and streams that met an exhausted limit. Metrics count all of them.
 */
export function responseWarnings(
  log: Pick<Log, 'warn'>,
): Pick<Observer, 'onUnreadableResponse' | 'onStreamExhausted'> {
  const logged = new Set<string>()
  const warn = (fields: Readonly<Record<string, string>>, message: string) => {
    const key = JSON.stringify(fields)
    if (logged.has(key) || logged.size >= MAX_ENTRIES) return
    logged.add(key)
    log.warn(fields, `${message} (logged once)`)
  }
  return {
    onUnreadableResponse(route, reason) {
      warn({ route, reason }, "cannot parse a model response; charged by its size; check 'llm' of the route")
    },
    onStreamExhausted(route, action) {
      const end =
        action === 'cut'
          ? 'the stream was ended'
          : 'the stream goes on, and its limit is overdrawn until it has recovered'
      warn({ route, action }, `a stream used up its reservation, and its limit could not hold more; ${end}`)
    },
  }
}
