import { unwatchFile, watchFile } from 'node:fs'
import { ConfigError, loadConfig } from './config/load.js'
import type { GatewayConfig } from './config/config.js'
import type { Gateway } from './gateway.js'
import type { Log } from './log.js'

/** How often the file is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 1000

export interface ReloadOptions {
  readonly file: string
  readonly gateway: Pick<Gateway, 'apply'>
  readonly log: Log
  /** What is said beside the file and stands whatever the file says. */
  readonly override: (config: GatewayConfig) => GatewayConfig
}

/** Takes a configuration file up again whenever it changes. */
export interface Reloader {
  /** Takes the file up now. Never rejects: a bad file is logged, and the old configuration stays. */
  reload(): Promise<void>
  stop(): void
}

/**
 * Watches a file by looking at it, which sees what notifications of the system miss: files that an editor replaces,
 * links that an orchestrator turns to another file, and network mounts.
 */
export function watchConfig({ file, gateway, log, override }: ReloadOptions): Reloader {
  const takeUp = async () => {
    try {
      gateway.apply(override(await loadConfig(file)))
      log.info({ file }, 'the configuration was taken up')
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [{ message: (error as Error).message }]
      log.error({ file, problems }, 'the configuration was refused; the old one stays')
    }
  }
  // One after the other, so that what is taken up last is what was read last.
  let last = Promise.resolve()
  const reload = () => {
    last = last.then(takeUp)
    return last
  }
  watchFile(file, { interval: LOOK_INTERVAL_MS, persistent: false }, (now, before) => {
    const changed = now.mtimeMs !== before.mtimeMs || now.ino !== before.ino || now.size !== before.size
    if (changed) void reload()
  })
  return { reload, stop: () => unwatchFile(file) }
}
