import type { GatewayConfig } from '../policy/config/config.js'
import { FileWatch } from '../policy/config/files/file-watch.js'
import { ConfigError, parseConfig, readText } from '../policy/config/load-config.js'
import { KEEP_STATE_HINT, type StateChanges, stateChanges } from '../policy/config/state-changes.js'
import type { Gateway } from '../server/gateway.js'
import type { Log } from '../server/logging/log.js'
import { logWarnings } from './config-warnings.js'

export interface ReloadOptions {
  readonly file: string
  /** What the gateway was started with. */
  readonly config: GatewayConfig
  readonly gateway: Pick<Gateway, 'apply'>
  readonly log: Log
  /** What is said beside the file and stands whatever the file says. */
  readonly override: (config: GatewayConfig) => GatewayConfig
}

/** Takes a configuration file up again whenever it changes. A bad file is logged, and the old configuration stays. */
export function watchConfig({ file, config, gateway, log, override }: ReloadOptions): FileWatch {
  let current = config
  /** The rejection that was logged last, where the file may be good without a change of its own. */
  let logged: string | undefined
  return new FileWatch({
    ...{ file, text: config.source.text, read: readText },
    async changed(text) {
      try {
        const next = override(parseConfig(text, file))
        await gateway.apply(next)
        logged = undefined
        log.info({ file, ...stateFields(stateChanges(current, next)) }, 'the configuration was taken up')
        current = next
        logWarnings(next, log)
        return 'done'
      } catch (error) {
        const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
        // Another file that this one names may be there a moment later.
        const isOfOther = error instanceof ConfigError && error.file !== file
        const rejection = JSON.stringify([text, problems])
        if (!isOfOther || rejection !== logged)
          log.error({ file, problems }, 'the configuration was refused; the old one stays')
        logged = isOfOther ? rejection : undefined
        return isOfOther ? 'retry' : 'done'
      }
    },
    unreadable: (reason) =>
      log.error(
        { file, problems: [{ message: reason }] },
        'the configuration was refused; the old one stays',
      ),
    readable: () => log.info({ file }, 'configuration file can be read again'),
  })
}

/** Nothing where every rule keeps its state. */
function stateFields({ abandoned, empty }: StateChanges) {
  if (abandoned.length + empty.length === 0) return {}
  return { abandoned, begins_empty: empty, hint: KEEP_STATE_HINT }
}
