import type { GatewayConfig } from '../policy/config/config.js'
import { FileWatch } from '../policy/config/files/file-watch.js'
import {
  ConfigError,
  knownVariables,
  parseConfig,
  parseWithVariables,
  readTextFile,
} from '../policy/config/load-config.js'
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
const PRICES_REJECTED = 'price list rejected; keeping the previous prices'

/** Logs each warning of a configuration as one line, with its position in the file. */
export function logWarnings({ source: { file }, warnings = [] }: GatewayConfig, log: Log): void {
  for (const { line, column, message } of warnings) log.warn({ file, line, column }, message)
}

/**
 * Reloads the configuration whenever its file or its price list changes. If a file is invalid, logs
 * its problems and keeps the previous configuration.
 */
export class ConfigWatch {
  readonly #options: ReloadOptions
  readonly #file: FileWatch
  #prices: FileWatch | undefined
  #current: GatewayConfig
  /** The last change, of which only one is applied at a time. */
  #applying: Promise<unknown> = Promise.resolve()
  /** The last rejection that was logged, if the configuration may become valid without an edit. */
  #loggedRejection: string | undefined

  constructor(options: ReloadOptions) {
    const { file, config, log } = options
    this.#options = options
    this.#current = config
    this.#file = new FileWatch({
      ...{ file, text: config.source.text, read: readTextFile },
      onChange: (text) => this.#inTurn(() => this.#onConfig(text)),
      onUnreadable: (reason) => log.error({ file, problems: [{ message: reason }] }, REJECTED),
      onReadable: () => log.info({ file }, 'configuration file is readable again'),
    })
    this.#prices = this.#watchPrices()
  }

  /** Reads all files now, and applies them even if they are unchanged. */
  reloadNow(): Promise<void> {
    return this.#file.reloadNow()
  }

  stop(): void {
    this.#file.stop()
    this.#prices?.stop()
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#applying.then(change)
    this.#applying = changed
    return changed
  }

  async #onConfig(text: string): Promise<'done' | 'retry'> {
    const { file, log } = this.#options
    const before = this.#current
    try {
      await this.#apply(await parseWithVariables(text, file))
      this.#loggedRejection = undefined
      log.info({ file, ...stateFields(stateChanges(before, this.#current)) }, 'configuration reloaded')
      logWarnings(this.#current, log)
      this.#prices?.stop()
      this.#prices = this.#watchPrices()
      return 'done'
    } catch (error) {
      const found = problemsOf(error, file)
      // A file that the configuration refers to may be created a moment later.
      const isInOtherFile = found.file !== file
      const rejection = JSON.stringify([text, found])
      if (!isInOtherFile || rejection !== this.#loggedRejection) log.error(found, REJECTED)
      this.#loggedRejection = isInOtherFile ? rejection : undefined
      return isInOtherFile ? 'retry' : 'done'
    }
  }

  #watchPrices(): FileWatch | undefined {
    const { prices } = this.#current
    if (prices === undefined) return undefined
    const { log } = this.#options
    const { file, text } = prices
    return new FileWatch({
      ...{ file, text, read: readTextFile },
      onChange: (changed) => this.#inTurn(() => this.#onPrices(file, changed)),
      onUnreadable: (reason) => log.error({ file, problems: [{ message: reason }] }, PRICES_REJECTED),
      onReadable: () => log.info({ file }, 'price list is readable again'),
    })
  }

  /** Applies the configuration in use with another price list. Limits keep their state. */
  async #onPrices(file: string, text: string): Promise<'done'> {
    const { log } = this.#options
    const { prices, source } = this.#current
    // A reload of the configuration has read a price list of its own.
    if (prices?.file !== file) return 'done'
    try {
      const variables = { ...knownVariables(source.variables), priceList: () => text }
      await this.#apply(parseConfig(source.text, source.file, variables))
      log.info({ file }, 'price list reloaded')
      logWarnings(this.#current, log)
    } catch (error) {
      log.error(problemsOf(error, file), PRICES_REJECTED)
    }
    return 'done'
  }

  async #apply(config: GatewayConfig): Promise<void> {
    const next = this.#options.override(config)
    await this.#options.gateway.apply(next)
    this.#current = next
  }
}

/** Returns the problems of a rejected change, and the file that their positions are in. */
function problemsOf(error: unknown, changed: string) {
  return error instanceof ConfigError
    ? { file: error.file, problems: error.problems }
    : { file: changed, problems: [{ message: String(error) }] }
}

/** Returns log fields about rules that lose their state; none if every rule keeps its state. */
function stateFields({ abandoned, empty }: StateChanges) {
  if (abandoned.length + empty.length === 0) return {}
  return { abandoned, begins_empty: empty, hint: KEEP_STATE_HINT }
}
