import { keyParts } from 'sluice'

/** A key as it is shown. */
export function shownKey(key: string): string {
  return keyParts(key).join(' + ')
}

/** A name for a key by which it is found among the keys of its rule; a key that is one text is its own. */
export function keyId(key: string): string {
  const parts = keyParts(key)
  return parts.length === 1 ? (parts[0] as string) : JSON.stringify(parts)
}

/** Whether somebody who looks for `text` means this key: all of it, a part that it is combined of, or the client's id. */
export function isMeant(key: string, text: string): boolean {
  return keyId(key) === text || keyParts(key).some((part) => part === text || part === `client ${text}`)
}

/** The keys that somebody who looks for `text` may mean in a rule that counts for clients or addresses. */
export function keysMeant(text: string): readonly string[] {
  return text.startsWith('client ') ? [text] : [text, `client ${text}`]
}
