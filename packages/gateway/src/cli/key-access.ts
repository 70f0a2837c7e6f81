import { userInfo } from 'node:os'
import type { KeyChange, KeyPage, ListedKey } from '../server/admin/api/admin-keys.js'
import { FileKeyStore } from '../server/identity/keys/file-key-store.js'
import type { LabelChanges } from '../server/identity/keys/key-labels.js'
import type { CreatedKey, KeyQuery, NewKey } from '../server/identity/keys/key-store.js'
import { parseGrace } from '../server/identity/keys/moment.js'
import { type AdminAddress, requestAdmin, requireToken } from './admin-client.js'

/** The keys that a command reads or changes. */
export interface KeyAccess {
  /** Where the keys are, for messages. */
  readonly place: string
  list(query: KeyQuery): Promise<KeyPage>
  find(id: string): Promise<ListedKey>
  create(key: NewKey): Promise<CreatedKey>
  revoke(id: string): Promise<ListedKey>
  /** @param grace a duration such as `24h` */
  rotate(id: string, grace: string): Promise<CreatedKey>
  label(id: string, labels: LabelChanges): Promise<ListedKey>
}

/** Uses the keys in a file. */
export function keysInFile(file: string): KeyAccess {
  const store = new FileKeyStore(file)
  const by = userName()
  return {
    place: file,
    list: (query) => store.list(query),
    find: (id) => store.find(id),
    create: (key) => store.create(key, by),
    revoke: (id) => store.revoke(id),
    rotate: (id, grace) => store.rotate(id, parseGrace(grace), by),
    label: (id, labels) => store.label(id, labels),
  }
}

/** A user ID without an entry in the system's list of users has no name, as in some containers. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}

/**
 * Uses the keys of a running gateway. Methods reject with an AdminClientError.
 *
 * @param reason why the operator changes keys, for the audit log
 */
export function keysOfGateway(address: AdminAddress, reason: string | undefined): KeyAccess {
  const get = <T extends object>(path: string, member: keyof T) =>
    requestAdmin<T>(address, path, {}, (body) => body[member] !== undefined)
  const post = (path: string, body: object) => {
    requireToken(address.token)
    return requestAdmin<KeyChange>(
      address,
      path,
      { method: 'POST', body: JSON.stringify({ ...body, reason }) },
      ({ listed }) => typeof listed === 'object',
    )
  }
  const pathOf = (id: string, change = '') => `/api/keys/${encodeURIComponent(id)}${change}`
  const created = ({ key = '', listed }: KeyChange) => ({ key, listed })
  return {
    place: 'the gateway',
    list: ({ client, label, text, limit, after }) => {
      const labelled = label && (label.value === undefined ? label.name : `${label.name}=${label.value}`)
      const query = Object.entries({ client, label: labelled, q: text, limit: String(limit), after })
      const given = query.filter((entry): entry is [string, string] => entry[1] !== undefined)
      return get<KeyPage>(`/api/keys?${new URLSearchParams(given)}`, 'keys')
    },
    find: (id) => get<ListedKey>(pathOf(id), 'id'),
    create: async (key) => created(await post('/api/keys', key)),
    revoke: async (id) => (await post(pathOf(id, '/revoke'), {})).listed,
    rotate: async (id, grace) => created(await post(pathOf(id, '/rotate'), { grace })),
    label: async (id, labels) => (await post(pathOf(id, '/label'), { labels })).listed,
  }
}
