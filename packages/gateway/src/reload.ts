import { stat } from 'node:fs/promises'
import type { GatewayConfig } from './config/config.js'
import { ConfigError, loadConfig } from './config/load.js'
import type { Gateway } from './gateway.js'
import type { Log } from './log.js'

/** How often the file is looked at, in milliseconds. */
const LOOK_INTERVAL_MS = 1000

export interface ReloadOptions {
  readonly file: string
  /** How the file stood when the gateway was started with it. */
  readonly version: FileVersion
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

/** Tells two states of a file apart; undefined while there is no such file. */
export type FileVersion = string | undefined

export async function versionOf(file: string): Promise<FileVersion> {
  const found = await stat(file).catch(() => undefined)
  return found && `${found.ino} ${found.size} ${found.mtimeMs}`
}

/**
 * Watches a file by looking at it, which sees what notifications of the system miss: files that an editor replaces,
 * links that an orchestrator turns to another file, and network mounts.
 */
export function watchConfig({ file, version, gateway, log, override }: ReloadOptions): Reloader {
  const takeUp = async () => {
    try {
      gateway.apply(override(await loadConfig(file)))
      log.info({ file }, 'the configuration was taken up')
    } catch (error) {
      const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
      log.error({ file, problems }, 'the configuration was refused; the old one stays')
    }
  }
  // One after the other, so that what is taken up last is what was read last.
  let last = Promise.resolve()
  const reload = () => {
    last = last.then(takeUp)
    return last
  }
  let known = version
  const timer = setInterval(async () => {
    const seen = await versionOf(file)
    // Between the two steps by which some editors replace a file there is none.
    if (seen === undefined || seen === known) return
    known = seen
    await reload()
  }, LOOK_INTERVAL_MS).unref()
  return { reload, stop: () => clearInterval(timer) }
}
