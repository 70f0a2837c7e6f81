import { UnauthorizedError } from '../rules/client.js'

/** Maximum length of a key ID in the message, in characters. */
const MAX_KID_LENGTH = 100

/**
 * An error for a token whose key is unusable: malformed, too short, or not meant for signatures.
 */
export class UnusableKeyError extends UnauthorizedError {
  override readonly name = 'UnusableKeyError'

  /** @param kid the ID of the key, as in the token and the key set */
  constructor(kid: string | undefined, options?: { readonly cause: unknown }) {
    const key = kid === undefined ? 'a key without an ID' : `the key '${kid.slice(0, MAX_KID_LENGTH)}'`
    super(`the token of this request is signed with ${key}, which its issuer publishes in an unusable form`)
    if (options !== undefined) this.cause = options.cause
  }
}
