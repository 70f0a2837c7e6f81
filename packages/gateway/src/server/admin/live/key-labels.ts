import { keyParts } from 'sluice'

const CLIENT_PREFIX = 'client '

/** Formats a key for display. */
export function shownKey(key: string): string {
  return keyParts(key).join(' + ')
}

/** Returns an id that identifies a key within its rule. A key with a single part is its own id. */
export function keyId(key: string): string {
  const parts = keyParts(key)
  return parts.length === 1 ? (parts[0] as string) : JSON.stringify(parts)
}

/** Reports whether a search names this key by its id, one of its parts, or the client's id. */
export function matchesKey(key: string, search: string): boolean {
  return (
    keyId(key) === search || keyParts(key).some((part) => part === search || part === keyOfClient(search))
  )
}

/** Returns the keys that a search can name under a rule that counts by client or address. */
export function possibleKeys(search: string): readonly string[] {
  return idInKey(search) === undefined ? [search, keyOfClient(search)] : [search]
}

/** Returns the key of a client under a rule that counts by client. */
export function keyOfClient(id: string): string {
  return `${CLIENT_PREFIX}${id}`
}

/** Returns the ID in such a key; undefined if the key names no client. */
export function idInKey(key: string): string | undefined {
  return key.startsWith(CLIENT_PREFIX) ? key.slice(CLIENT_PREFIX.length) : undefined
}
