import { nearest } from 'sluice/internal'
import { KeyError } from './key-error.js'
import { ambiguousKey, checkId, idOf, missingKey } from './key-id.js'
import { changedLabels, type LabelChanges } from './key-labels.js'
import {
  type CreatedKey,
  type KeyPage,
  type KeyQuery,
  type KeyStore,
  type KeyUses,
  type ListedKey,
  listedKey,
  matchesQuery,
  type NewKey,
  withLabels,
} from './key-store.js'
import { expiryAfterGrace } from './moment.js'
import { newKeyRecord, rotatedKeyRecord } from './new-key-record.js'
import { type Edit, RedisKeyTable, type StoredRecord } from './redis-key-table.js'

/** Maximum number of attempts to make a change while others are made to the same key. */
const MAX_ATTEMPTS = 20
/** Number of keys that are read at a time to find those that match a query. */
const BATCH = 500
/** Maximum number of keys that are read for one page. */
const MAX_READ = 20_000
/** Number of digits that a key has in common with one that is suggested in its place. */
const SUGGESTION_PREFIX = 3
const MAX_SUGGESTIONS = 1_000

/** Keeps keys in Redis, where all gateways look them up. */
export class RedisKeyStore implements KeyStore {
  readonly #table: RedisKeyTable

  constructor(url: string) {
    this.#table = new RedisKeyTable(url)
  }

  list(query: KeyQuery): Promise<KeyPage> {
    return this.#guarded('read', async () => {
      const matching: StoredRecord[] = []
      let position = positionOf(query.after)
      for (let read = 0; read < MAX_READ; read += BATCH) {
        const batch = await this.#table.newest(position.from, position.skip, BATCH)
        const records = new Map(
          (await this.#table.records(batch.map(([digest]) => digest))).map((each) => [
            each.record.sha256,
            each,
          ]),
        )
        for (const [digest, created] of batch) {
          const stored = records.get(digest)
          if (stored !== undefined && matchesQuery(stored.record, query)) {
            if (matching.length === query.limit) return pageOf(matching, formatPosition(position))
            matching.push(stored)
          }
          position = { from: created, skip: created === position.from ? position.skip + 1 : 1 }
        }
        if (batch.length < BATCH) return pageOf(matching, undefined)
      }
      return pageOf(matching, formatPosition(position))
    })
  }

  async find(id: string): Promise<ListedKey> {
    const { record, used } = await this.#guarded('read', () => this.#stored(id))
    return listedKey(record, used)
  }

  create(key: NewKey, by: string): Promise<CreatedKey> {
    return this.#guarded('change', () =>
      this.#change(async () => {
        const { key: secret, record } = newKeyRecord(key, by, Date.now())
        const result = { key: secret, listed: listedKey(record, undefined) }
        return { edits: [{ before: undefined, after: record }], result }
      }),
    )
  }

  revoke(id: string): Promise<ListedKey> {
    return this.#guarded('change', () =>
      this.#change(async () => {
        const before = await this.#stored(id)
        return { edits: [{ before, after: undefined }], result: listedKey(before.record, before.used) }
      }),
    )
  }

  rotate(id: string, graceMs: number, by: string) {
    return this.#guarded('change', () =>
      this.#change(async () => {
        const now = Date.now()
        const before = await this.#stored(id)
        const after = { ...before.record, expires: expiryAfterGrace(before.record.expires, graceMs, now) }
        const { key, record } = rotatedKeyRecord(before.record, by, now)
        return {
          edits: [
            { before: undefined, after: record },
            { before, after },
          ],
          result: {
            key,
            listed: listedKey(record, undefined),
            replaced: listedKey(after, before.used),
          },
        }
      }),
    )
  }

  label(id: string, changes: LabelChanges): Promise<ListedKey> {
    return this.#guarded('change', () =>
      this.#change(async () => {
        const before = await this.#stored(id)
        const after = withLabels(before.record, changedLabels(before.record.labels, changes))
        return { edits: [{ before, after }], result: listedKey(after, before.used) }
      }),
    )
  }

  recordUses(uses: KeyUses): Promise<void> {
    return this.#table.recordUses(uses)
  }

  close(): Promise<void> {
    return this.#table.close()
  }

  /** @param prepare reads the keys and returns the change; called again if another one was faster */
  async #change<T>(prepare: () => Promise<{ edits: readonly Edit[]; result: T }>): Promise<T> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const { edits, result } = await prepare()
      if ((await this.#table.write(edits)) === 'done') return result
    }
    throw new KeyError('unavailable', 'others are changing the key at the same time; try again')
  }

  async #stored(written: string): Promise<StoredRecord> {
    const id = checkId(written)
    const digests = await this.#table.digestsFrom(id, 4)
    if (digests.length > 1) throw ambiguousKey(id, digests)
    const [stored] = await this.#table.records(digests)
    if (stored !== undefined) return stored
    const similar = await this.#table.digestsFrom(id.slice(0, SUGGESTION_PREFIX), MAX_SUGGESTIONS)
    throw missingKey(id, nearest(idOf(id), new Set(similar.map(idOf))))
  }

  async #guarded<T>(operation: 'read' | 'change', work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof KeyError) throw error
      // Only the message, because other properties of such errors may contain a password.
      const reason = error instanceof Error ? error.message || error.name : String(error)
      throw new KeyError(
        'unavailable',
        operation === 'read'
          ? `the keys cannot be read: ${reason}`
          : `the store did not confirm the change, which may take effect or not; list the keys to see: ${reason}`,
      )
    }
  }
}

/** The position of a page: after `skip` keys that were created at `from`. */
interface Position {
  readonly from: number | '+inf'
  readonly skip: number
}

function positionOf(after: string | undefined): Position {
  if (after === undefined) return { from: '+inf', skip: 0 }
  const [, from, skip] = /^(\d{1,15})-(\d{1,9})$/.exec(after) ?? []
  if (from === undefined) throw new KeyError('invalid', "'after' must be 'next' of the previous page")
  return { from: Number(from), skip: Number(skip) }
}

function formatPosition({ from, skip }: Position): string | undefined {
  return from === '+inf' ? undefined : `${from}-${skip}`
}

function pageOf(stored: readonly StoredRecord[], next: string | undefined): KeyPage {
  const keys = stored.map(({ record, used }) => listedKey(record, used))
  return { keys, ...(next !== undefined && { next }) }
}
