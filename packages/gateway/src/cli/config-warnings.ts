import type { GatewayConfig } from '../policy/config/config.js'
import type { Log } from '../server/logging/log.js'

/** Logs each warning of a configuration in one line, with its place in the file. */
export function logWarnings({ source: { file }, warnings = [] }: GatewayConfig, log: Log): void {
  for (const { line, column, message } of warnings) log.warn({ file, line, column }, message)
}
