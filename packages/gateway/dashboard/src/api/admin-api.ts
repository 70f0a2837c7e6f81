import type { ActList, AdminAction, AdminActionResult } from '../../../src/server/admin/api/admin-actions.js'
import type { KeyChange, KeyList, NewKey } from '../../../src/server/admin/api/admin-keys.js'
import type { ClientState, TopClients } from '../../../src/server/admin/api/client-status.js'
import type { ClientTree } from '../../../src/server/admin/api/client-tree.js'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import type { RecentRefusals } from '../../../src/server/admin/api/recent-refusals.js'
import { NDJSON, type RecordStatus } from '../../../src/server/admin/api/replay-types.js'
import type { SpendReport } from '../../../src/server/admin/api/spend-report.js'

/** A failed request to the admin port, with a message for the user. */
export class AdminError extends Error {
  /** @param status 0 if there was no response */
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const NO_TOKEN = 'The admin token is required.'
const WRONG_TOKEN = 'The admin token is wrong.'

/** A client of the admin port. The token is kept only in memory. */
export class AdminApi {
  #token: string | undefined

  get hasToken(): boolean {
    return this.#token !== undefined
  }

  setToken(token: string | undefined): void {
    this.#token = token === '' ? undefined : token
  }

  /** Opens the live feed. Rejects with an AdminError if the request fails. */
  live(signal: AbortSignal): Promise<Response> {
    return this.#fetch('/api/live', { signal, headers: { accept: 'text/event-stream' } })
  }

  topClients(): Promise<TopClients> {
    return this.#json('/api/talkers')
  }

  client(search: string): Promise<ClientState> {
    return this.#json(`/api/client?q=${encodeURIComponent(search)}`)
  }

  /** @param search a part of an organization, team or key; empty for all */
  tree(search: string): Promise<ClientTree> {
    return this.#json(`/api/tree?q=${encodeURIComponent(search)}`)
  }

  /** @param query the parameters of `/api/spend` */
  spend(query: string): Promise<SpendReport> {
    return this.#json(`/api/spend?${query}`)
  }

  /** Returns the text of a file of the admin port. */
  async text(path: string): Promise<string> {
    return (await this.#fetch(path)).text()
  }

  /** Lists the acts in effect. */
  acts(): Promise<ActList> {
    return this.#json('/api/acts/current')
  }

  /** Returns the traffic of the minutes that start at `from` (epoch milliseconds) or later. */
  history(from: number): Promise<Sample[]> {
    return this.#json(`/api/history?from=${from}`)
  }

  /** @param query the parameters of `/api/refusals` */
  refusals(query: string): Promise<RecentRefusals> {
    return this.#json(`/api/refusals?${query}`)
  }

  /** @param query the parameters of `/api/keys` */
  keys(query: string): Promise<KeyList> {
    return this.#json(`/api/keys?${query}`)
  }

  /** Creates a key. */
  createKey(key: NewKey, reason: string): Promise<KeyChange> {
    return this.#changeKey('', { ...key, reason })
  }

  /** @param grace how long the old key stays valid, such as `24h` */
  rotateKey(id: string, grace: string, reason: string): Promise<KeyChange> {
    return this.#changeKey(`/${id}/rotate`, { grace, reason })
  }

  revokeKey(id: string, reason: string): Promise<KeyChange> {
    return this.#changeKey(`/${id}/revoke`, { reason })
  }

  configuration(): Promise<string> {
    return this.text('/api/config')
  }

  /** Returns the status of the recorded traffic. */
  record(): Promise<RecordStatus> {
    return this.#json('/api/record')
  }

  /**
   * Starts a replay and streams its progress. Aborting the signal also stops the replay on the
   * gateway.
   *
   * @param query the parameters of `/api/replay`
   * @param yaml the configuration to compare with; empty for none
   */
  replay(query: URLSearchParams, yaml: string, signal: AbortSignal): Promise<Response> {
    return this.#fetch(`/api/replay?${query}`, {
      method: 'POST',
      headers: { accept: NDJSON, 'content-type': 'text/plain' },
      body: yaml,
      signal,
    })
  }

  /** Returns the HTML of the report page, without a report. */
  reportTemplate(): Promise<string> {
    return this.text('/api/report-page')
  }

  /** Performs an action, and returns a description of the change. */
  async perform(action: AdminAction): Promise<string> {
    const result: AdminActionResult = await this.#json('/api/actions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(action),
    })
    if ('error' in result) throw new AdminError(0, result.error)
    return result.done
  }

  #changeKey(path: string, body: object): Promise<KeyChange> {
    return this.#json(`/api/keys${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  async #json<T>(path: string, init?: RequestInit): Promise<T> {
    return (await this.#fetch(path, init)).json()
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`)
    const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      throw init.signal?.aborted ? error : new AdminError(0, 'The gateway does not respond.')
    })
    if (response.status === 401) throw new AdminError(401, this.hasToken ? WRONG_TOKEN : NO_TOKEN)
    if (!response.ok) throw new AdminError(response.status, await reasonOf(response))
    return response
  }
}

async function reasonOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined)
  if (typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string')
    return toSentence(body.error)
  return `The gateway responded with status ${response.status}.`
}

/** Formats an error message of the gateway as a sentence. */
export function toSentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.!?…]$/.test(message) ? '' : '.'}`
}
