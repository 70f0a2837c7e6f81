import type { StoreConfig } from './config.js'

/** Returns the address of the store for output and logs: its URL without user and password. */
export function storeAddress(store: StoreConfig): string {
  return store.kind === 'memory' ? 'memory' : store.url.replace(/:\/\/[^@/]*@/, '://')
}

/**
 * Matches everything in a line that may be a password:
 * - in an HTTP URL, the part before the next `@`;
 * - in any other URL, the part before the last `@`, since the password may be badly encoded, or the
 *   rest of the URL if it has no `@`;
 * - the query of a URL;
 * - `user:password` before an `@`;
 * - the value of `secret`.
 */
const SECRETS = new RegExp(
  [
    /(?<=https?:\/\/)[^\s/@]*(?=@)/,
    /(?<=https?:\/\/[^\s'"?#]*\?)[^\s'"]+?(?=[\s'"]|[,}\]](?:\s|$)|$)/,
    /(?<=[a-z]:\/\/[^\s'"?#]*\?)[^\s'"@]+?(?=[\s'"]|[,}\]](?:\s|$)|$)/,
    /(?<=(?<!https?):\/\/)(?:.*(?=@)|:\S*)/,
    /(?<![^\s'"{[,])(?!\S*:\/\/)[^\s'"{[,]+:[^\s'"]+(?=@)/,
    /(?<=\bsecret['"]?\s*:\s*)\S.*$/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
)

/**
 * Replaces the passwords in a line of a configuration file with asterisks. The length stays the
 * same.
 */
export function withoutPasswords(line: string): string {
  return line.replaceAll(SECRETS, (secret) => '*'.repeat(secret.length))
}
