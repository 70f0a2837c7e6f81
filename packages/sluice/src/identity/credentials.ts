import { UnauthorizedError } from '../rules/client.js'

/** Reads a header of a request, by its name in lower case. */
export type HeaderReader = (name: string) => string | undefined

/** What a client shows to say who it is. A secret: it is neither logged nor kept. */
export interface Credentials {
  /** `token` has the form of a JWT; `key` is any other text. */
  readonly kind: 'key' | 'token'
  readonly secret: string
}

/** Longest credentials that are looked at, in characters. Node itself takes no head over 16 KiB. */
export const MAX_SECRET_LENGTH = 8192

const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** A scheme and what follows it, between any number of spaces and tabs. Some clients write a colon after the scheme. */
const BEARER = /^bearer(?![\w-])[\s:=\xa0]*/i

export function hasFormOfToken(text: string): boolean {
  return JWT.test(text)
}

/**
 * The credentials of a request: `X-API-Key` or another header that holds keys, which come before `Authorization: Bearer …`, so that
 * a request may carry a key for the upstream beside one for here. Undefined where there are none; another scheme of
 * `Authorization` is none.
 *
 * @param keyHeaders the headers that hold keys, in lower case; the first that is there counts
 * @throws UnauthorizedError for credentials that are empty or too long to be any.
 */
export function readCredentials(
  header: HeaderReader,
  keyHeaders: readonly string[],
): Credentials | undefined {
  for (const name of keyHeaders) {
    const key = header(name)
    if (key !== undefined) return { kind: 'key', secret: checked(key) }
  }
  const authorization = header('authorization')?.trim()
  // A header that is there and empty was meant to hold something.
  if (authorization === '') return { kind: 'key', secret: checked('') }
  const scheme = BEARER.exec(authorization ?? '')
  if (authorization === undefined || scheme === null) return undefined
  const secret = checked(authorization.slice(scheme[0].length))
  return { kind: hasFormOfToken(secret) ? 'token' : 'key', secret }
}

function checked(text: string): string {
  const secret = text.trim()
  if (secret === '') throw new UnauthorizedError('the key of this request is empty')
  if (secret.length > MAX_SECRET_LENGTH)
    throw new UnauthorizedError('the key of this request is too long to be one')
  return secret
}
