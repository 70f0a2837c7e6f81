import { nearest } from 'sluice/internal'
import { UnreadableFileError } from '../../../policy/config/files/bounded-read.js'
import { replaceFile } from '../../../policy/config/files/replace-file.js'
import { readTextFile } from '../../../policy/config/load-config.js'
import { withLock } from './file-lock.js'
import { ambiguousKey, checkId, idOf, missingKey } from './key-id.js'
import { changedLabels, type LabelChanges } from './key-labels.js'
import {
  type CreatedKey,
  type KeyPage,
  type KeyQuery,
  type KeyRecord,
  type KeyStore,
  type KeyUses,
  type ListedKey,
  listedKey,
  matchesQuery,
  type NewKey,
  withLabels,
} from './key-store.js'
import { KeysDocument } from './keys-document.js'
import { expiryAfterGrace } from './moment.js'
import { newKeyRecord, rotatedKeyRecord } from './new-key-record.js'
import { UsesFile } from './uses-file.js'

/**
 * Keeps keys in a keys file, which is created if missing. Other contents of the file, including
 * comments, are preserved. Changes are serialized, even across processes, and the file is replaced
 * as a whole. When a key was last used is kept in a second file beside it.
 *
 * Methods also reject with a ConfigError if the file is invalid; it is then unchanged.
 */
export class FileKeyStore implements KeyStore {
  readonly #file: string
  readonly #uses: UsesFile

  constructor(file: string) {
    this.#file = file
    this.#uses = new UsesFile(`${file}.used.json`)
  }

  async list(query: KeyQuery): Promise<KeyPage> {
    const { records } = await this.#read()
    const uses = await this.#uses.read()
    const matching = records.toReversed().filter((record) => matchesQuery(record, query))
    const start = matching.findIndex(({ sha256 }) => sha256 === query.after) + 1
    const page = matching.slice(start, start + query.limit)
    const last = page.at(-1)
    return {
      keys: page.map((record) => listedKey(record, uses.get(record.sha256))),
      ...(start + page.length < matching.length && last && { next: last.sha256 }),
    }
  }

  async find(id: string): Promise<ListedKey> {
    return this.#listed(findRecord((await this.#read()).records, id))
  }

  create(key: NewKey, by: string): Promise<CreatedKey> {
    return this.#change((document) => {
      const created = newKeyRecord(key, by, Date.now())
      document.add(created.record)
      return { key: created.key, listed: listedKey(created.record, undefined) }
    })
  }

  async revoke(id: string): Promise<ListedKey> {
    const removed = await this.#change((document) => {
      const record = findRecord(document.records, id)
      document.remove(record)
      return record
    })
    return this.#listed(removed)
  }

  async rotate(id: string, graceMs: number, by: string) {
    const now = Date.now()
    const { old, created, expires } = await this.#change((document) => {
      const old = findRecord(document.records, id)
      const created = rotatedKeyRecord(old, by, now)
      const expires = expiryAfterGrace(old.expires, graceMs, now)
      document.add(created.record)
      document.setExpiry(old, expires)
      return { old, created, expires }
    })
    return {
      key: created.key,
      listed: listedKey(created.record, undefined),
      replaced: await this.#listed({ ...old, expires }),
    }
  }

  async label(id: string, changes: LabelChanges): Promise<ListedKey> {
    const labelled = await this.#change((document) => {
      const record = findRecord(document.records, id)
      const labels = changedLabels(record.labels, changes)
      document.setLabels(record, labels)
      return withLabels(record, labels)
    })
    return this.#listed(labelled)
  }

  recordUses(uses: KeyUses): Promise<void> {
    return this.#uses.add(uses)
  }

  async close(): Promise<void> {}

  async #listed(record: KeyRecord): Promise<ListedKey> {
    return listedKey(record, (await this.#uses.read()).get(record.sha256))
  }

  #change<T>(edit: (document: KeysDocument) => T): Promise<T> {
    return withLock(this.#file, async () => {
      const document = await this.#read()
      const result = edit(document)
      await replaceFile(this.#file, document.text())
      return result
    })
  }

  async #read(): Promise<KeysDocument> {
    return new KeysDocument(
      await readTextFile(this.#file, { onlyFiles: true }).catch(undefinedIfMissing),
      this.#file,
    )
  }
}

function findRecord(records: readonly KeyRecord[], written: string): KeyRecord {
  const id = checkId(written)
  const found = records.filter(({ sha256 }) => sha256.startsWith(id))
  if (found.length > 1)
    throw ambiguousKey(
      id,
      found.map(({ sha256 }) => sha256),
    )
  const [record] = found
  if (record !== undefined) return record
  throw missingKey(id, nearest(id, new Set(records.map(({ sha256 }) => idOf(sha256)))))
}

function undefinedIfMissing(error: unknown): undefined {
  if (!(error instanceof UnreadableFileError) || error.code !== 'ENOENT') throw error
}
