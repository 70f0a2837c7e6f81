import { UnauthorizedError } from '../policy/client.js'

/** Reads a header of a request, by its name in lower case. */
export type HeaderReader = (name: string) => string | undefined

/** What a client shows to say who it is. A secret: it is neither logged nor kept. */
export interface Credentials {
  /** `token` has the form of a JWT; `key` is any other text. */
  readonly kind: 'key' | 'token'
  readonly secret: string
}

/** Longest credentials that are looked at, in characters. Node itself takes no head over 16 KiB. */
const MAX_LENGTH = 8192

const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/**
 * The credentials of a request: `X-API-Key`, which stands before `Authorization: Bearer …`, so that a request may carry a
 * key for the upstream beside one for here. Undefined where there are none; another scheme of `Authorization` is none.
 *
 * @throws UnauthorizedError for credentials that are empty or too long to be any.
 */
export function readCredentials(header: HeaderReader): Credentials | undefined {
  const key = header('x-api-key')
  if (key !== undefined) return { kind: 'key', secret: checked(key) }
  const bearer = /^bearer(?: +(.*))?$/i.exec(header('authorization')?.trim() ?? '')
  if (bearer === null) return undefined
  const secret = checked(bearer[1] ?? '')
  return { kind: JWT.test(secret) ? 'token' : 'key', secret }
}

function checked(text: string): string {
  const secret = text.trim()
  if (secret === '') throw new UnauthorizedError('the key of this request is empty')
  if (secret.length > MAX_LENGTH) throw new UnauthorizedError('the key of this request is too long to be one')
  return secret
}
