import type { KeyLookup } from 'sluice/identity'
import type { ClientLimit, LimitedConfig } from '../../../policy/client-limits.js'
import { FileWatch } from '../../../policy/config/files/file-watch.js'
import { ConfigError, readConfigFile, readTextFile } from '../../../policy/config/load-config.js'
import type { Log } from '../../logging/log.js'
import { type Keys, parseKeys } from './keys-file.js'

/** The contents of a keys file. */
export interface KeysFile {
  readonly file: string
  readonly text: string
}

/** The current keys, whose changes are followed. */
export interface KeysWatch {
  readonly lookup: KeyLookup
  /**
   * Returns the current limits of clients that fit a configuration.
   *
   * @throws ConfigError if limits in a file do not fit
   */
  limitsFor(config: LimitedConfig): readonly ClientLimit[]
  /** The contents of the file from which the keys were read; undefined if they are in a store. */
  readonly source: KeysFile | undefined
  /** Follows a change that was just made. */
  refresh(): Promise<void>
  stop(): void
}

/**
 * Reads a keys file and reloads it whenever it changes. An invalid change is logged and rejected.
 *
 * @param onReload called after each reload
 * @param check throws ConfigError for new keys that do not fit the configuration in effect
 * @throws ConfigError if the file is initially invalid
 */
export async function watchKeysFile(
  file: string,
  log: Log,
  onReload: () => void = () => {},
  check: (keys: Keys) => void = () => {},
): Promise<KeysWatch> {
  let text = await readConfigFile(file)
  let keys = parseKeys(text, file)
  const watch = new FileWatch({
    ...{ file, text, read: readTextFile },
    async onChange(next) {
      try {
        const changed = parseKeys(next, file)
        check(changed)
        keys = changed
        text = next
        log.info({ file }, 'keys file reloaded')
        onReload()
      } catch (error) {
        const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
        log.error({ file, problems }, 'keys file rejected; keeping the previous keys')
      }
      return 'done'
    },
    onUnreadable: (reason) =>
      log.error({ file, problems: [{ message: reason }] }, 'keys file rejected; keeping the previous keys'),
    onReadable: () => log.info({ file }, 'keys file is readable again'),
  })
  return {
    lookup: (digest) => keys.lookup(digest),
    limitsFor: (config) => limitsFor(keys, config),
    get source() {
      return { file, text }
    },
    refresh: () => watch.reloadNow(),
    stop: () => watch.stop(),
  }
}

/** The keys in a file that another process reads and sends. */
export class ReceivedKeys {
  #source: KeysFile | undefined
  #keys: Keys = { lookup: () => undefined, limits: [], checkLimits() {} }

  /**
   * @returns true if the keys changed
   * @throws ConfigError for invalid contents; the previous keys then stay in effect
   */
  set(source: KeysFile | undefined): boolean {
    if (source === undefined || (source.file === this.#source?.file && source.text === this.#source.text))
      return false
    this.#keys = parseKeys(source.text, source.file)
    this.#source = source
    return true
  }

  open(file: string): KeysWatch {
    const current = () => this.#keys
    return {
      lookup: (digest) => current().lookup(digest),
      limitsFor: (config) => limitsFor(current(), config),
      source: this.#source ?? { file, text: '' },
      async refresh() {},
      stop() {},
    }
  }
}

function limitsFor(keys: Keys, config: LimitedConfig): readonly ClientLimit[] {
  keys.checkLimits(config)
  return keys.limits
}
