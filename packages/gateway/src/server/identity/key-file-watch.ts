import type { KeyLookup } from 'sluice/identity'
import { FileWatch } from '../../policy/config/files/file-watch.js'
import { ConfigError, readConfigFile, readTextFile } from '../../policy/config/load-config.js'
import type { Log } from '../logging/log.js'
import { parseKeys } from './key-file.js'

/** The text of a file of keys. */
export interface KeysText {
  readonly file: string
  readonly text: string
}

/** The keys of a file, as it stands now. */
export interface KeyFileWatch {
  readonly lookup: KeyLookup
  /** What the keys were read from. */
  readonly source: KeysText
  stop(): void
}

/**
 * Reads a file of keys, and again whenever it changes. A change that is wrong is logged, and the old keys stay.
 *
 * @param changed called when other keys are in use
 * @throws ConfigError where the file is wrong to begin with.
 */
export async function watchKeyFile(
  file: string,
  log: Log,
  changed: () => void = () => {},
): Promise<KeyFileWatch> {
  let text = await readConfigFile(file)
  let keys = parseKeys(text, file)
  const watch = new FileWatch({
    ...{ file, text, read: readTextFile },
    async onChange(next) {
      try {
        keys = parseKeys(next, file)
        text = next
        log.info({ file }, 'the keys were taken up')
        changed()
      } catch (error) {
        const problems = error instanceof ConfigError ? error.problems : [{ message: String(error) }]
        log.error({ file, problems }, 'the file of keys was refused; the old keys stay')
      }
      return 'done'
    },
    onUnreadable: (reason) =>
      log.error({ file, problems: [{ message: reason }] }, 'the file of keys was refused; the old keys stay'),
    onReadable: () => log.info({ file }, 'keys file can be read again'),
  })
  return {
    lookup: (digest) => keys(digest),
    get source() {
      return { file, text }
    },
    stop: () => watch.stop(),
  }
}

/** Keys whose text another process reads. */
export class GivenKeys {
  #source: KeysText | undefined
  #keys: KeyLookup = () => undefined

  /** @throws ConfigError; the old keys stay then. */
  set(source: KeysText | undefined): void {
    if (source === undefined || (source.file === this.#source?.file && source.text === this.#source.text))
      return
    this.#keys = parseKeys(source.text, source.file)
    this.#source = source
  }

  open(file: string): KeyFileWatch {
    return { lookup: (digest) => this.#keys(digest), source: this.#source ?? { file, text: '' }, stop() {} }
  }
}
