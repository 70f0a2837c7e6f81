import type { ActList, AdminAction, ListedAct } from '../server/admin/api/admin-actions.js'
import type { Output } from './check-command.js'

/** How a command reaches the gateway. */
export interface ActClient {
  /** The URL of the admin port. */
  readonly admin: string
  readonly token: string | undefined
  readonly output: Output
}

/** The exit codes of the commands that talk to a gateway. */
const DONE = 0
const REFUSED = 1
const UNAVAILABLE = 2

/** Above the time in which a gateway answers, even if a worker does not respond. */
const TIMEOUT_MS = 60_000

/** Performs an action, and prints what changed. @returns the exit code */
export async function performAct(client: ActClient, action: AdminAction): Promise<number> {
  if (client.token === undefined || client.token === '')
    return failed(client, REFUSED, 'set SLUICE_TOKEN to the admin token; `sluice token new` creates one')
  return request(client, '/api/actions', { method: 'POST', body: JSON.stringify(action) }, (body) => {
    const { done } = body as { readonly done?: unknown }
    if (typeof done !== 'string') return false
    client.output.out.write(`${done}\n`)
    return true
  })
}

/** Prints the acts in effect. @returns the exit code */
export function listActs(client: ActClient, asJson: boolean): Promise<number> {
  return request(client, '/api/acts/current', {}, (body) => {
    const list = body as ActList
    if (!Array.isArray(list.acts)) return false
    const { out, err } = client.output
    if (asJson) out.write(`${JSON.stringify(list)}\n`)
    else for (const line of linesOf(list)) out.write(`${line}\n`)
    if (list.failure !== undefined) err.write(`the list may be out of date: ${list.failure}\n`)
    return true
  })
}

function linesOf({ acts, kept }: ActList): string[] {
  if (acts.length === 0) return ['no acts are in effect']
  const note = kept === 'memory' ? ["acts end with the gateway; name a file in 'state' to keep them"] : []
  return [...acts.map(lineOf), ...note]
}

function lineOf({ id, change, by, reason, until, problem }: ListedAct): string {
  const end = until === undefined ? '' : ` until ${new Date(until).toISOString()}`
  const noEffect = problem === undefined ? '' : ` [no effect: ${problem}]`
  return printable(`${id}  ${change}${end} (${by}: ${reason})${noEffect}`)
}

/** Replaces control characters, which could move the cursor of the terminal. */
export function printable(line: string): string {
  return line.replaceAll(/\p{C}/gu, '?')
}

/**
 * Sends a request to the admin port.
 *
 * @param onDone prints the body of a successful response, as an object (empty unless it is JSON) and as
 *   text; returns false if it is not a response of a gateway
 */
export async function request(
  client: ActClient,
  path: string,
  init: RequestInit,
  onDone: (body: object, text: string) => boolean,
): Promise<number> {
  const base = adminUrl(client.admin)
  if (base === undefined)
    return failed(
      client,
      REFUSED,
      `--admin must be a URL such as http://127.0.0.1:8081, not '${client.admin}'`,
    )
  const { token } = client
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
    return failed(client, UNAVAILABLE, `${base.origin} does not respond: ${causeOf(error)}`)
  }
  const answer = jsonObjectIn(text)
  if (response.ok && onDone(answer, text)) return DONE
  const reason = typeof answer.error === 'string' ? answer.error : undefined
  if (reason === undefined)
    return failed(
      client,
      UNAVAILABLE,
      `${base.origin} is not the admin port of a gateway (status ${response.status})`,
    )
  return failed(client, response.status >= 500 ? UNAVAILABLE : REFUSED, printable(reason))
}

/** Parses a JSON object. Returns an empty object for other text. */
function jsonObjectIn(text: string): { readonly error?: unknown } {
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

function failed({ output }: ActClient, code: number, message: string): number {
  output.err.write(`sluice: ${message}\n`)
  return code
}

/** `fetch` hides the reason in the cause. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}
