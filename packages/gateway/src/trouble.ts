import type { Log } from './log.js'
import type { TroubleListener } from './proxy/error-answer.js'

/** Logs what goes wrong with requests. */
export function troubleIn(log: Log): TroubleListener {
  return {
    upstreamFailed: (route, { status, code, detail }) => log.upstreamFailed({ route, status, code, detail }),
    crashed: (error) => log.crashed(error),
  }
}
