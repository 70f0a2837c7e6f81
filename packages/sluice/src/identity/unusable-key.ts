import { UnauthorizedError } from '../rules/client.js'

/** Longest name of a key that is repeated, in characters. */
const MAX_LENGTH = 100

/** The key that a token is signed with is there, and cannot be used: it is malformed, too short, or not for signatures. */
export class UnusableKeyError extends UnauthorizedError {
  override readonly name = 'UnusableKeyError'

  /** @param kid the name of the key, as the token and the key set have it */
  constructor(kid: string | undefined, options?: { readonly cause: unknown }) {
    const key = kid === undefined ? 'a key without a name' : `the key '${kid.slice(0, MAX_LENGTH)}'`
    super(
      `the token of this request is signed with ${key}, which its issuer publishes in a form that cannot be used`,
    )
    if (options !== undefined) this.cause = options.cause
  }
}
