import type { Labels } from 'sluice'
import { idOf } from './key-id.js'
import type { LabelChanges } from './key-labels.js'
import type { KeyLimits } from './key-limits.js'

/** Everything that is kept about a key. The key itself is never stored. */
export interface KeyRecord {
  /** SHA-256 of the key, in hexadecimal. */
  readonly sha256: string
  readonly client: string
  readonly tier?: string
  readonly labels?: Labels
  /** The limits of the client. */
  readonly limits?: KeyLimits
  /** Milliseconds since the epoch; absent for a key that does not expire. */
  readonly expires?: number
  /** Milliseconds since the epoch; absent if an operator wrote the key into a file by hand. */
  readonly created?: number
  /** The admin token or the user that created the key. */
  readonly createdBy?: string
}

/** A key as operators see it. Times are in milliseconds since the epoch. */
export interface ListedKey extends Omit<KeyRecord, 'sha256'> {
  /** The first digits of the digest of the key, which name it in commands, logs and pages. */
  readonly id: string
  /** The minute of the last request with the key; absent if there was none, or if it is not known. */
  readonly lastUsed?: number
}

/** The properties of a key to create. */
export interface NewKey {
  readonly client: string
  readonly tier?: string
  readonly labels?: Labels
  readonly limits?: KeyLimits
  /** A date, or a date and time, in the format of the keys file. */
  readonly expires?: string
}

/** A new key. The key itself is shown once. */
export interface CreatedKey {
  readonly key: string
  readonly listed: ListedKey
}

export interface KeyQuery {
  /** The only client to list. */
  readonly client?: string | undefined
  /** A label that listed keys must have, with this value if there is one. */
  readonly label?: { readonly name: string; readonly value?: string | undefined } | undefined
  /** A part of the ID, client, tier or labels of listed keys; upper and lower case are equal. */
  readonly text?: string | undefined
  /** Maximum number of keys in a page. */
  readonly limit: number
  /** `next` of the previous page. */
  readonly after?: string | undefined
}

export interface KeyPage {
  /** The newest key first. */
  readonly keys: readonly ListedKey[]
  /** The position of the next page; absent at the end. The next page may be empty. */
  readonly next?: string
}

/** The last minute in which each key was used, in minutes since the epoch, by digest. */
export type KeyUses = ReadonlyMap<string, number>

/** Keeps keys, and changes them. All methods may reject with a KeyError. */
export interface KeyStore {
  list(query: KeyQuery): Promise<KeyPage>
  /** @param id the ID of the key, or a longer or shorter part of its digest */
  find(id: string): Promise<ListedKey>
  /** @param by the name of the operator */
  create(key: NewKey, by: string): Promise<CreatedKey>
  revoke(id: string): Promise<ListedKey>
  /**
   * Creates a key with the same properties. The old key expires after the grace period, unless it
   * expires earlier.
   */
  rotate(id: string, graceMs: number, by: string): Promise<CreatedKey & { readonly replaced: ListedKey }>
  /** Sets labels, and removes those that are null. */
  label(id: string, changes: LabelChanges): Promise<ListedKey>
  /** Records when keys were used. Digests of other keys are ignored. */
  recordUses(uses: KeyUses): Promise<void>
  close(): Promise<void>
}

/** @param lastUsed minutes since the epoch */
export function listedKey({ sha256, ...record }: KeyRecord, lastUsed: number | undefined): ListedKey {
  return {
    id: idOf(sha256),
    ...record,
    ...(lastUsed !== undefined && lastUsed > 0 && { lastUsed: lastUsed * 60_000 }),
  }
}

/** Returns the record with other labels. */
export function withLabels(record: KeyRecord, labels: Labels | undefined): KeyRecord {
  const { labels: _, ...others } = record
  return { ...others, ...(labels !== undefined && { labels }) }
}

/** Reports whether a query asks for a key. */
export function matchesQuery({ sha256, client, tier, labels = {} }: KeyRecord, query: KeyQuery): boolean {
  if (query.client !== undefined && query.client !== client) return false
  const { label, text } = query
  if (label !== undefined) {
    const values = Object.hasOwn(labels, label.name) ? [labels[label.name] ?? []].flat() : undefined
    if (values === undefined || (label.value !== undefined && !values.includes(label.value))) return false
  }
  if (text === undefined) return true
  const searched = [idOf(sha256), client, tier ?? '', ...Object.entries(labels).flat(2)]
  return searched.some((value) => value.toLowerCase().includes(text.toLowerCase()))
}
