import { withoutPasswords } from '../policy/config/store-address.js'
import { printable } from '../policy/terminal-text.js'
import type { Output } from './check-command.js'

/** How a command reaches a gateway. */
export interface AdminAddress {
  /** The URL of the admin port. */
  readonly admin: string
  readonly token: string | undefined
}

/** The exit codes of commands that use a running gateway. */
const REFUSED = 1
const UNAVAILABLE = 2

/** Above the time in which a gateway answers, even if a worker does not respond. */
const TIMEOUT_MS = 60_000

/** Reports why a gateway did not do what a command asked for. */
class AdminClientError extends Error {
  override readonly name = 'AdminClientError'

  constructor(
    /** The exit code of the command. */
    readonly code: number,
    message: string,
  ) {
    super(message)
  }
}

/** Checks that there is a token for an action. @throws AdminClientError */
export function requireToken(token: string | undefined): void {
  if (token === undefined || token === '')
    throw new AdminClientError(REFUSED, 'set SLUICE_TOKEN to the admin token; `sluice token new` creates one')
}

/**
 * Runs a command that uses a gateway, and prints why the gateway did not do what it asked for.
 *
 * @returns the exit code
 */
export async function exitCodeOf({ err }: Output, command: () => Promise<void>): Promise<number> {
  try {
    await command()
    return 0
  } catch (error) {
    if (!(error instanceof AdminClientError)) throw error
    err.write(`sluice: ${error.message}\n`)
    return error.code
  }
}

/**
 * Sends a request to the admin port, and returns the body of a successful response.
 *
 * @param isExpected reports whether a body is one of a gateway
 * @throws AdminClientError, with a message that is safe to print
 */
export async function requestAdmin<T extends object>(
  address: AdminAddress,
  path: string,
  init: RequestInit,
  isExpected: (body: Partial<T>) => boolean,
): Promise<T> {
  const text = await requestAdminText(address, path, init, (text) => isExpected(jsonObjectIn<T>(text)))
  return JSON.parse(text)
}

/** Like `requestAdmin`, for a body that may not be JSON. */
export async function requestAdminText(
  { admin, token }: AdminAddress,
  path: string,
  init: RequestInit,
  isExpected: (text: string) => boolean,
): Promise<string> {
  const base = adminUrl(admin)
  if (base === undefined)
    throw new AdminClientError(
      REFUSED,
      `--admin must be a URL such as http://127.0.0.1:8081, not '${withoutPasswords(admin)}'`,
    )
  // `fetch` rejects such a URL with a message that contains it.
  if (base.username !== '' || base.password !== '')
    throw new AdminClientError(
      REFUSED,
      '--admin must not contain a user name or password; set SLUICE_TOKEN to the admin token',
    )
  const headers = {
    ...(token !== undefined && token !== '' && { authorization: `Bearer ${token}` }),
    ...(init.body !== undefined && { 'content-type': 'application/json' }),
  }
  let response: Response
  let text: string
  try {
    response = await fetch(new URL(`.${path}`, base), {
      ...{ ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) },
      // The token must not reach another server.
      redirect: 'error',
    })
    text = await response.text()
  } catch (error) {
    throw new AdminClientError(UNAVAILABLE, `${base.origin} does not respond: ${causeOf(error)}`)
  }
  if (response.ok && isExpected(text)) return text
  const { error } = jsonObjectIn<{ error: unknown }>(text)
  if (typeof error !== 'string')
    throw new AdminClientError(
      UNAVAILABLE,
      `${base.origin} is not the admin port of a gateway (status ${response.status})`,
    )
  throw new AdminClientError(response.status >= 500 ? UNAVAILABLE : REFUSED, printable(error))
}

/** Parses a JSON object. Returns an empty object for other text. */
function jsonObjectIn<T extends object>(text: string): Partial<T> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function adminUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined
}

/** `fetch` hides the reason in the cause. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}
