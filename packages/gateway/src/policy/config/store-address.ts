import type { StoreConfig } from './config.js'

/** Where the state is, for people and logs: the URL without user and password. */
export function storeAddress(store: StoreConfig): string {
  return store.kind === 'memory' ? 'memory' : store.url.replace(/:\/\/[^@/]*@/, '://')
}

/**
 * What may be a password in a line: before the next `@` of an http URL; before the last `@` of any other, since what was
 * written there may be wrong; the rest of a text that ends before its `@`; and `user:password` before an `@`.
 */
const SECRETS = new RegExp(
  [
    /(?<=https?:\/\/)[^\s/@]*(?=@)/,
    /(?<=(?<!https?):\/\/)(?:.*(?=@)|:\S*)/,
    /(?<![^\s'"{[,])(?!\S*:\/\/)[^\s'"{[,]+:[^\s'"]+(?=@)/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
)

/** A line of a configuration file, with asterisks for the passwords of its URLs; as long as it was. */
export function withoutPasswords(line: string): string {
  return line.replaceAll(SECRETS, (secret) => '*'.repeat(secret.length))
}
