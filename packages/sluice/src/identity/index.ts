/** Identification of clients by verified credentials. */
export { type Client, UnauthorizedError } from '../rules/client.js'
export { type ApiKey, type KeyLookup, keyDigest, keyTable } from './api-keys.js'
export {
  type CachedKeyLookup,
  type CacheOptions,
  cachedLookup,
  type FoundClient,
} from './cached-lookup.js'
export type { HeaderReader } from './credentials.js'
export { type Identify, type IdentityOptions, identity, type VerifyToken } from './identify.js'
export { IdentityUnavailableError } from './identity-unavailable.js'
export { newKey } from './key-format.js'
