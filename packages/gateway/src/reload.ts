import type { GatewayConfig } from './config/config.js'
import { ConfigError, loadConfig } from './config/load.js'
import { logWarnings } from './config-warnings.js'
import { type FileVersion, type FileWatch, watchFile } from './file-watch.js'
import type { Gateway } from './gateway.js'
import type { Log } from './log.js'

export interface ReloadOptions {
  readonly file: string
  /** How the file stood when the gateway was started with it. */
  readonly version: FileVersion
  readonly gateway: Pick<Gateway, 'apply'>
  readonly log: Log
  /** What is said beside the file and stands whatever the file says. */
  readonly override: (config: GatewayConfig) => GatewayConfig
}

/** Takes a configuration file up again whenever it changes. A bad file is logged, and the old configuration stays. */
export function watchConfig({ file, version, gateway, log, override }: ReloadOptions): FileWatch {
  return watchFile(file, version, async () => {
    try {
      const config = override(await loadConfig(file))
      await gateway.apply(config)
      log.info({ file }, 'the configuration was taken up')
      logWarnings(config, log)
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
      log.error({ file, problems }, 'the configuration was refused; the old one stays')
    }
  })
}
