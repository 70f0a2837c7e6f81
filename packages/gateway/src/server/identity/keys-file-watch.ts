import type { KeyLookup } from 'sluice/identity'
import { FileWatch } from '../../policy/config/files/file-watch.js'
import { ConfigError, readConfigFile, readTextFile } from '../../policy/config/load-config.js'
import type { Log } from '../logging/log.js'
import { parseKeys } from './keys-file.js'

/** The contents of a keys file. */
export interface KeysFile {
  readonly file: string
  readonly text: string
}

/** The current keys of a file, which is watched for changes. */
export interface KeysFileWatch {
  readonly lookup: KeyLookup
  /** The contents from which the keys were read. */
  readonly source: KeysFile
  stop(): void
}

/**
 * Reads a keys file and reloads it whenever it changes. An invalid change is logged and rejected.
 *
 * @param onReload called after each reload
 * @throws ConfigError if the file is initially invalid
 */
export async function watchKeysFile(
  file: string,
  log: Log,
  onReload: () => void = () => {},
): Promise<KeysFileWatch> {
  let text = await readConfigFile(file)
  let keys = parseKeys(text, file)
  const watch = new FileWatch({
    ...{ file, text, read: readTextFile },
    async onChange(next) {
      try {
        keys = parseKeys(next, file)
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
    lookup: (digest) => keys(digest),
    get source() {
      return { file, text }
    },
    stop: () => watch.stop(),
  }
}

/** The keys in a file that another process reads and sends. */
export class ReceivedKeys {
  #source: KeysFile | undefined
  #keys: KeyLookup = () => undefined

  /** @throws ConfigError for invalid contents; the previous keys then stay in effect */
  set(source: KeysFile | undefined): void {
    if (source === undefined || (source.file === this.#source?.file && source.text === this.#source.text))
      return
    this.#keys = parseKeys(source.text, source.file)
    this.#source = source
  }

  open(file: string): KeysFileWatch {
    return { lookup: (digest) => this.#keys(digest), source: this.#source ?? { file, text: '' }, stop() {} }
  }
}
