import { randomBytes } from 'node:crypto'
import { parseRedisUrl, RedisUrlConnection, systemTimers, withinDeadline } from 'sluice/internal'
import { KeyError } from './key-error.js'
import { idOf } from './key-id.js'
import type { KeyRecord, KeyUses } from './key-store.js'
import * as scripts from './redis-scripts.js'

/** Maximum number of keys in the store. */
const MAX_KEYS = 1_000_000
/** Maximum number of keys with limits. Each gateway applies all of them. */
const MAX_LIMITED = 5_000
/** The timeout of a call, in milliseconds. */
const DEADLINE_MS = 2_000
/** Maximum number of keys in one call. */
const MAX_BATCH = 500

/** A key as it is stored. */
export interface StoredRecord {
  readonly record: KeyRecord
  /** The JSON of the record. */
  readonly json: string
  /** Minutes since the epoch; undefined if the key was never used. */
  readonly used: number | undefined
}

/** A change to one key: it is created, replaced or removed. */
export type Edit =
  | { readonly before: undefined; readonly after: KeyRecord }
  | { readonly before: StoredRecord; readonly after: KeyRecord | undefined }

/** The version of all keys that a gateway knows. */
export interface KnownVersion {
  readonly epoch: string
  readonly version: string
  /** The version of the last change to limits. */
  readonly limits: string
}

/** The keys in Redis, without the rules of operations on them. Connects on first use. */
export class RedisKeyTable {
  readonly #connection: RedisUrlConnection

  constructor(url: string) {
    this.#connection = new RedisUrlConnection(parseRedisUrl(url))
  }

  /** Returns the record of a key; undefined if there is none. */
  async recordOf(digest: string): Promise<KeyRecord | undefined> {
    const json = await this.#run(scripts.LOOKUP, [scripts.hashOf(digest)], [])
    return json === null ? undefined : parseRecord(digest, String(json))
  }

  /** Returns those of the keys that exist, in order. */
  async records(digests: readonly string[]): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = []
    for (let from = 0; from < digests.length; from += MAX_BATCH) {
      const batch = digests.slice(from, from + MAX_BATCH)
      const reply = asList(await this.#run(scripts.RECORDS, batch.map(scripts.hashOf), []))
      for (const [index, sha256] of batch.entries()) {
        const [json, used] = [reply[2 * index], reply[2 * index + 1]]
        if (json !== null && json !== undefined)
          found.push({
            ...{ record: parseRecord(sha256, String(json)), json: String(json) },
            used: used === null || used === undefined ? undefined : Number(used),
          })
      }
    }
    return found
  }

  /** Returns up to `max` digests that begin with hexadecimal digits. */
  async digestsFrom(prefix: string, max: number): Promise<readonly string[]> {
    const [first, last] = scoresOf(prefix)
    const found = asList(await this.#run(scripts.FIND, [scripts.IDS], [first, last, max])).map(String)
    return found.filter((digest) => digest.startsWith(prefix))
  }

  /**
   * Lists digests with the times at which they were created, the newest first.
   *
   * @param from the latest time
   * @param skip the number of digests with this time or later ones to leave out
   */
  newest(from: number | '+inf', skip: number, count: number): Promise<(readonly [string, number])[]> {
    return this.#list(scripts.CREATED, from, skip, count)
  }

  /** Returns the keys with limits, the newest first. */
  async limited(): Promise<readonly KeyRecord[]> {
    const found = await this.#list(scripts.LIMITED, '+inf', 0, MAX_LIMITED)
    return (await this.records(found.map(([digest]) => digest))).map(({ record }) => record)
  }

  async #list(set: string, from: number | '+inf', skip: number, count: number) {
    const reply = asList(await this.#run(scripts.LIST, [set], [from, skip, count])).map(String)
    return Array.from({ length: reply.length / 2 }, (_, index): readonly [string, number] => [
      reply[2 * index] as string,
      Number(reply[2 * index + 1]),
    ])
  }

  /**
   * Writes all edits or none.
   *
   * @returns `changed` if the record of a key is no longer that of `before`; `taken` if another key
   *   has the ID of a new one
   */
  async write(edits: readonly Edit[]): Promise<'done' | 'changed' | 'taken'> {
    const digests = edits.map(digestOf)
    const { IDS, CREATED, CHANGES, META, LIMITED } = scripts
    const keys = [IDS, CREATED, CHANGES, META, LIMITED, ...digests.map(scripts.hashOf)]
    const args = edits.flatMap((edit) => {
      const digest = digestOf(edit)
      const { before, after } = edit
      return [
        ...[digest, before?.json ?? '', after === undefined ? '' : jsonOf(after)],
        ...[...scoresOf(idOf(digest)), scoresOf(digest)[0], after?.created ?? 0],
        changeOfLimits(edit),
      ]
    })
    const epoch = randomBytes(8).toString('hex')
    const result = String(await this.#run(scripts.WRITE, keys, [epoch, MAX_KEYS, MAX_LIMITED, ...args]))
    if (result === 'full')
      throw new KeyError('conflict', `the store already has ${MAX_KEYS} keys; revoke some of them first`)
    if (result === 'fullOfLimits')
      throw new KeyError(
        'conflict',
        `the store already has ${MAX_LIMITED} keys with limits; revoke some of them, or put clients into tiers`,
      )
    return result as 'done' | 'changed' | 'taken'
  }

  /** Returns the keys that changed after a version; `all` if they are not known. */
  async changesSince(known: KnownVersion): Promise<KnownVersion & { changed: readonly string[] | 'all' }> {
    const keys = [scripts.CHANGES, scripts.META]
    const reply = asList(await this.#run(scripts.CHANGED, keys, [known.epoch, known.version]))
    const [epoch = '', version = '0', limits = '0', isUnknown, ...changed] = reply.map(String)
    return { epoch, version, limits, changed: isUnknown === '1' ? 'all' : changed }
  }

  async recordUses(uses: KeyUses): Promise<void> {
    const entries = [...uses]
    for (let from = 0; from < entries.length; from += MAX_BATCH) {
      const batch = entries.slice(from, from + MAX_BATCH)
      const keys = batch.map(([digest]) => scripts.hashOf(digest))
      await this.#run(
        scripts.USED,
        keys,
        batch.map(([, minute]) => minute),
      )
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #run(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return withinDeadline(
      this.#connection.run('eval', script, keys, args.map(String)),
      DEADLINE_MS,
      systemTimers,
    )
  }
}

/** Tells the script whether the key of an edit has limits, or had some. */
function changeOfLimits({ before, after }: Edit): 'set' | 'remove' | '' {
  if (after?.limits !== undefined) return 'set'
  return before?.record.limits === undefined ? '' : 'remove'
}

function digestOf({ before, after }: Edit): string {
  return (after ?? (before as StoredRecord).record).sha256
}

/** Returns the numbers of the first and the last digest that begin with hexadecimal digits. */
function scoresOf(prefix: string): readonly [first: number, last: number] {
  const digits = prefix.slice(0, 12)
  return [Number.parseInt(digits.padEnd(12, '0'), 16), Number.parseInt(digits.padEnd(12, 'f'), 16)]
}

function jsonOf({ sha256: _, ...record }: KeyRecord): string {
  return JSON.stringify(record)
}

function parseRecord(sha256: string, json: string): KeyRecord {
  try {
    return { sha256, ...(JSON.parse(json) as Omit<KeyRecord, 'sha256'>) }
  } catch {
    throw new TypeError(`${scripts.hashOf(sha256)} does not contain a key of the gateway`)
  }
}

function asList(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : []
}
