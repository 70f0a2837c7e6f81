import { stat } from 'node:fs/promises'
import { type ActSet, entriesOf, NO_ACTS, readActs } from '../../policy/acts/act-set.js'
import { readBounded } from '../../policy/config/files/bounded-read.js'
import { replaceFile } from '../../policy/config/files/replace-file.js'
import type { ActStore } from './act-store.js'

/** Far above the size of as many acts as there can be, in bytes. */
const MAX_FILE_BYTES = 16 * 2 ** 20

/**
 * Keeps acts in a JSON file. A crash leaves either the old set or the new one.
 *
 * An operation on a hung file system occupies a thread of Node's pool, even if its caller no longer
 * waits. Until it ends, further operations fail immediately.
 */
export class FileActStore implements ActStore {
  readonly isShared = true
  readonly isRemote = false
  /** The version of the file that was read last, and what identified its content. */
  #last: { readonly version: string; readonly identity: string } | undefined

  /** True until the operation in progress ends, even if it has been abandoned. */
  #isBusy = false

  constructor(private readonly file: string) {}

  read(known: string): Promise<ActSet | 'unchanged' | undefined> {
    return this.#exclusive(async () => {
      const identity = await this.#identity()
      if (identity === undefined) return undefined
      if (this.#last?.identity === identity && this.#last.version === known) return 'unchanged'
      const set = await this.#parse()
      this.#last = { version: set.version, identity }
      return set.version === known ? 'unchanged' : set
    })
  }

  replace(expected: string, next: ActSet, signal?: AbortSignal): Promise<boolean> {
    return this.#exclusive(async () => {
      const exists = (await this.#identity()) !== undefined
      const { version } = exists ? await this.#parse() : NO_ACTS
      if (version !== expected) return false
      const content = { version: next.version, acts: entriesOf(next) }
      await replaceFile(this.file, `${JSON.stringify(content, null, 2)}\n`, signal)
      return true
    })
  }

  async close(): Promise<void> {}

  async #exclusive<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new Error(`an earlier operation on ${this.file} has not ended`)
    this.#isBusy = true
    try {
      return await operation()
    } finally {
      this.#isBusy = false
    }
  }

  /** Returns a string that differs for each content; undefined if the file does not exist. */
  async #identity(): Promise<string | undefined> {
    try {
      const { ino, size, mtimeNs } = await stat(this.file, { bigint: true })
      return `${ino} ${size} ${mtimeNs}`
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async #parse(): Promise<ActSet> {
    const bytes = await readBounded(this.file, { maxBytes: MAX_FILE_BYTES, onlyFiles: true })
    try {
      const { version, acts } = JSON.parse(bytes.toString('utf8'))
      return readActs(String(version), acts)
    } catch {
      throw new TypeError(`${this.file} is not an acts file written by the gateway; restore or remove it`)
    }
  }
}
