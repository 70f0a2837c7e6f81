import type { GatewayConfig } from './config/config.js'
import { ConfigError, loadConfig } from './config/load.js'
import { KEEP_STATE_HINT, type StateChanges, stateChanges } from './config/state-changes.js'
import { logWarnings } from './config-warnings.js'
import { type FileVersion, type FileWatch, watchFile } from './file-watch.js'
import type { Gateway } from './gateway.js'
import type { Log } from './log.js'

export interface ReloadOptions {
  readonly file: string
  /** How the file stood when the gateway was started with it. */
  readonly version: FileVersion
  /** What the gateway was started with. */
  readonly config: GatewayConfig
  readonly gateway: Pick<Gateway, 'apply'>
  readonly log: Log
  /** What is said beside the file and stands whatever the file says. */
  readonly override: (config: GatewayConfig) => GatewayConfig
}

/** Takes a configuration file up again whenever it changes. A bad file is logged, and the old configuration stays. */
export function watchConfig({ file, version, config, gateway, log, override }: ReloadOptions): FileWatch {
  let current = config
  return watchFile(file, version, async () => {
    try {
      const next = override(await loadConfig(file))
      await gateway.apply(next)
      log.info({ file, ...stateFields(stateChanges(current, next)) }, 'the configuration was taken up')
      current = next
      logWarnings(next, log)
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
      log.error({ file, problems }, 'the configuration was refused; the old one stays')
    }
  })
}

/** Nothing where every rule keeps its state. */
function stateFields({ abandoned, empty }: StateChanges) {
  if (abandoned.length + empty.length === 0) return {}
  return { abandoned, begins_empty: empty, hint: KEEP_STATE_HINT }
}
