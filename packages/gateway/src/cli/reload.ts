import type { GatewayConfig } from '../policy/config/config.js'
import { FileWatch } from '../policy/config/files/file-watch.js'
import { ConfigError, parseWithVariables, readTextFile } from '../policy/config/load-config.js'
import { KEEP_STATE_HINT, type StateChanges, stateChanges } from '../policy/config/state-changes.js'
import type { Gateway } from '../server/gateway.js'
import type { Log } from '../server/logging/log.js'
export interface ReloadOptions {
  readonly file: string
  /** The configuration the gateway was started with. */
  readonly config: GatewayConfig
  readonly gateway: Pick<Gateway, 'apply'>
  readonly log: Log
  /** Applies the command-line options, which take precedence over the file. */
  readonly override: (config: GatewayConfig) => GatewayConfig
}

const REJECTED = 'configuration rejected; keeping the previous one'

/** Logs each warning of a configuration as one line, with its position in the file. */
export function logWarnings({ source: { file }, warnings = [] }: GatewayConfig, log: Log): void {
  for (const { line, column, message } of warnings) log.warn({ file, line, column }, message)
}

/**
 * Reloads the configuration whenever its file changes. If the file is invalid, logs its problems
 * and keeps the previous configuration.
 */
export function watchConfig({ file, config, gateway, log, override }: ReloadOptions): FileWatch {
  let current = config
  /** The last rejection that was logged, if the configuration may become valid without an edit. */
  let loggedRejection: string | undefined
  return new FileWatch({
    ...{ file, text: config.source.text, read: readTextFile },
    async onChange(text) {
      try {
        const next = override(await parseWithVariables(text, file))
        await gateway.apply(next)
        loggedRejection = undefined
        log.info({ file, ...stateFields(stateChanges(current, next)) }, 'configuration reloaded')
        current = next
        logWarnings(next, log)
        return 'done'
      } catch (error) {
        const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
        // A file that the configuration refers to may be created a moment later.
        const isInOtherFile = error instanceof ConfigError && error.file !== file
        const rejection = JSON.stringify([text, problems])
        if (!isInOtherFile || rejection !== loggedRejection) log.error({ file, problems }, REJECTED)
        loggedRejection = isInOtherFile ? rejection : undefined
        return isInOtherFile ? 'retry' : 'done'
      }
    },
    onUnreadable: (reason) => log.error({ file, problems: [{ message: reason }] }, REJECTED),
    onReadable: () => log.info({ file }, 'configuration file is readable again'),
  })
}

/** Returns log fields about rules that lose their state; none if every rule keeps its state. */
function stateFields({ abandoned, empty }: StateChanges) {
  if (abandoned.length + empty.length === 0) return {}
  return { abandoned, begins_empty: empty, hint: KEEP_STATE_HINT }
}
