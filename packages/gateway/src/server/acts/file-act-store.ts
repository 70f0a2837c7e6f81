import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ActSet, entriesOf, NO_ACTS, readActs } from '../../policy/acts/act-set.js'
import { readBounded } from '../../policy/config/files/bounded-read.js'
import type { ActStore } from './act-store.js'

/** Far above the size of as many acts as there can be, in bytes. */
const MAX_FILE_BYTES = 16 * 2 ** 20

/**
 * Keeps acts in a JSON file. A change writes a new file and renames it over the old one, so a crash
 * leaves either the old set or the new one.
 */
export class FileActStore implements ActStore {
  readonly isShared = true
  readonly isRemote = false
  /** The version of the file that was read last, and what identified its content. */
  #last: { readonly version: string; readonly identity: string } | undefined

  constructor(private readonly file: string) {}

  async read(known: string): Promise<ActSet | 'unchanged' | undefined> {
    const identity = await this.#identity()
    if (identity === undefined) return undefined
    if (this.#last?.identity === identity && this.#last.version === known) return 'unchanged'
    const set = await this.#parse()
    this.#last = { version: set.version, identity }
    return set.version === known ? 'unchanged' : set
  }

  async replace(expected: string, next: ActSet): Promise<boolean> {
    const exists = (await this.#identity()) !== undefined
    const { version } = exists ? await this.#parse() : NO_ACTS
    if (version !== expected) return false
    await this.#write(`${JSON.stringify({ version: next.version, acts: entriesOf(next) }, null, 2)}\n`)
    return true
  }

  async close(): Promise<void> {}

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
      throw new TypeError(`${this.file} is not a file of acts that the gateway wrote; restore or remove it`)
    }
  }

  async #write(text: string): Promise<void> {
    const temporary = `${this.file}.${process.pid}.tmp`
    try {
      const handle = await open(temporary, 'w', 0o600)
      try {
        await handle.writeFile(text)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, this.file)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await syncFolder(dirname(this.file))
  }
}

/** Makes a rename durable. Some systems cannot open folders; the rename is then only atomic. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  try {
    await handle?.sync().catch(() => {})
  } finally {
    await handle?.close()
  }
}
