import { UnauthorizedError } from '../rules/client.js'

/** Reads a header of a request, by its name in lower case. */
export type HeaderReader = (name: string) => string | undefined

/** The credentials of a client. They are secret: never logged or stored. */
export interface Credentials {
  /** `token` has the format of a JWT; `key` is any other string. */
  readonly kind: 'key' | 'token'
  readonly secret: string
}

/** Maximum length of credentials, in characters. Node accepts at most 16 KiB of headers. */
export const MAX_SECRET_LENGTH = 8192

const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** The scheme and the separators after it. Some clients add a colon. */
const BEARER = /^bearer(?![\w-])[\s:=\xa0]*/i

export function hasJwtFormat(value: string): boolean {
  return JWT.test(value)
}

/**
 * Returns the credentials of a request, or undefined if there are none. `X-API-Key` and the other
 * key headers take precedence over `Authorization: Bearer …`, so that a request can also carry a
 * key for the upstream. Other schemes of `Authorization` are ignored.
 *
 * @param keyHeaders the headers that hold keys, in lower case; the first one present is used
 * @throws UnauthorizedError for credentials that are empty or too long
 */
export function readCredentials(
  header: HeaderReader,
  keyHeaders: readonly string[],
): Credentials | undefined {
  for (const name of keyHeaders) {
    const key = header(name)
    if (key !== undefined) return { kind: 'key', secret: checkSecret(key) }
  }
  const authorization = header('authorization')?.trim()
  // The client meant to send credentials, so an empty header is an error.
  if (authorization === '') return { kind: 'key', secret: checkSecret('') }
  const scheme = BEARER.exec(authorization ?? '')
  if (authorization === undefined || scheme === null) return undefined
  const secret = checkSecret(authorization.slice(scheme[0].length))
  return { kind: hasJwtFormat(secret) ? 'token' : 'key', secret }
}

function checkSecret(value: string): string {
  const secret = value.trim()
  if (secret === '') throw new UnauthorizedError('the API key or token of this request is empty')
  if (secret.length > MAX_SECRET_LENGTH)
    throw new UnauthorizedError(
      `the API key or token of this request is longer than ${MAX_SECRET_LENGTH} characters`,
    )
  return secret
}
