import { readBounded } from '../../../policy/config/files/bounded-read.js'
import { replaceFile } from '../../../policy/config/files/replace-file.js'
import { withLock } from './file-lock.js'
import type { KeyUses } from './key-store.js'

/** Twice the number of keys in a file, so that those that were revoked disappear at last. */
const MAX_USES = 10_000
/** Far above the size of as many uses, in bytes. */
const MAX_FILE_BYTES = 4 * 2 ** 20

/** A JSON file with the last use of keys, which gateways on one file system share. */
export class UsesFile {
  /** Uses that could not be written yet, or that the file has too. */
  #known: Map<string, number> = new Map()

  constructor(private readonly file: string) {}

  /** Reads the uses in the file, and those that only this process knows. An unreadable file has none. */
  async read(): Promise<KeyUses> {
    return merged(this.#known, await this.#readFile())
  }

  /** Adds uses to the file. Rejects if the file cannot be written; this process then keeps them. */
  async add(uses: KeyUses): Promise<void> {
    this.#known = merged(this.#known, uses)
    await withLock(this.file, async () => {
      this.#known = merged(this.#known, await this.#readFile())
      const entries = [...this.#known].map(([digest, minute]) => [
        digest,
        new Date(minute * 60_000).toISOString(),
      ])
      await replaceFile(this.file, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`)
    })
  }

  async #readFile(): Promise<KeyUses> {
    try {
      const bytes = await readBounded(this.file, { maxBytes: MAX_FILE_BYTES, onlyFiles: true })
      const values: [string, unknown][] = Object.entries(JSON.parse(bytes.toString('utf8')))
      const uses = values.map(([digest, time]) => [digest, Date.parse(String(time)) / 60_000] as const)
      return new Map(uses.filter(([, minute]) => Number.isFinite(minute)))
    } catch {
      return new Map()
    }
  }
}

/** Returns the later use of each key, for the keys that were used last. */
function merged(one: KeyUses, other: KeyUses): Map<string, number> {
  const uses = new Map(one)
  for (const [digest, minute] of other) uses.set(digest, Math.max(minute, uses.get(digest) ?? 0))
  if (uses.size <= MAX_USES) return uses
  return new Map([...uses].toSorted(([, a], [, b]) => b - a).slice(0, MAX_USES))
}
