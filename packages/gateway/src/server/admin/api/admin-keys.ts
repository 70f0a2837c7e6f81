import type { LabelChanges } from '../../identity/keys/key-labels.js'
import type { KeyPage, ListedKey, NewKey } from '../../identity/keys/key-store.js'

export type { KeyPage, ListedKey, NewKey } from '../../identity/keys/key-store.js'

/** The body of `POST /api/keys`. */
type KeyCreation = NewKey & Reason

/** The body of `POST /api/keys/ID/rotate`. `grace` is a duration such as `24h`, which is the default. */
type KeyRotation = { readonly grace?: string } & Reason

/** The body of `POST /api/keys/ID/label`. A label that is null is removed. */
type KeyLabelling = { readonly labels: LabelChanges } & Reason

/** A part of all bodies. */
interface Reason {
  /** Why the operator acts, for the audit log: 1 to 200 characters. */
  readonly reason: string
}

/** A change to a key, as in the audit log. It never contains the key. */
export type KeyAction =
  | ({ readonly act: 'create-key' } & KeyCreation)
  | ({ readonly act: 'revoke-key'; readonly id: string } & Reason)
  | ({ readonly act: 'rotate-key'; readonly id: string } & KeyRotation)
  | ({ readonly act: 'label-key'; readonly id: string } & KeyLabelling)

/** The response of `GET /api/keys`. */
export interface KeyList extends KeyPage {
  /** Where the keys are; `none` if the configuration has no keys. */
  readonly kept: 'file' | 'store' | 'none'
}

/** The response to a change of a key. */
export interface KeyChange {
  readonly ok: true
  /** A description of the change. */
  readonly done: string
  /** The key that was created or changed. */
  readonly listed: ListedKey
  /** The new key itself, which no other response contains. */
  readonly key?: string
}
