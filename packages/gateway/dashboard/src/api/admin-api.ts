import type { AdminAction, AdminActionResult } from '../../../src/server/admin/api/admin-actions.js'
import type { ClientState, TopClients } from '../../../src/server/admin/api/client-status.js'
import { NDJSON, type RecordStatus } from '../../../src/server/admin/api/replay-types.js'

/** The admin port said no, or nothing. Its message is for people. */
export class AdminError extends Error {
  /** @param status 0 where there was no answer */
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const NO_TOKEN = 'This needs the admin token.'
const WRONG_TOKEN = 'That is not the admin token.'

/** What the page asks of the admin port. The token is kept as long as the page is open, and nowhere else. */
export class AdminApi {
  #token: string | undefined

  get hasToken(): boolean {
    return this.#token !== undefined
  }

  setToken(token: string | undefined): void {
    this.#token = token === '' ? undefined : token
  }

  /** Rejects with an AdminError where it is refused, or nobody answers. */
  live(signal: AbortSignal): Promise<Response> {
    return this.#fetch('/api/live', { signal, headers: { accept: 'text/event-stream' } })
  }

  talkers(): Promise<TopClients> {
    return this.#json('/api/talkers')
  }

  client(text: string): Promise<ClientState> {
    return this.#json(`/api/client?q=${encodeURIComponent(text)}`)
  }

  async configuration(): Promise<string> {
    return (await this.#fetch('/api/config')).text()
  }

  /** What there is to replay. */
  record(): Promise<RecordStatus> {
    return this.#json('/api/record')
  }

  /**
   * A replay, told as it goes on. Once the signal aborts, the gateway ends it.
   *
   * @param query as `/api/replay` takes it
   * @param posted another configuration; empty for none
   */
  replay(query: URLSearchParams, posted: string, signal: AbortSignal): Promise<Response> {
    return this.#fetch(`/api/replay?${query}`, {
      method: 'POST',
      headers: { accept: NDJSON, 'content-type': 'text/plain' },
      body: posted,
      signal,
    })
  }

  /** The page of a report, without one in it. */
  async reportTemplate(): Promise<string> {
    return (await this.#fetch('/api/report-page')).text()
  }

  /** Says in words what was done. */
  async act(act: AdminAction): Promise<string> {
    const answer: AdminActionResult = await this.#json('/api/acts', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(act),
    })
    if ('error' in answer) throw new AdminError(0, answer.error)
    return answer.done
  }

  async #json<T>(path: string, init?: RequestInit): Promise<T> {
    return (await this.#fetch(path, init)).json()
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.#token !== undefined) headers.set('authorization', `Bearer ${this.#token}`)
    const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      throw init.signal?.aborted ? error : new AdminError(0, 'The gateway does not answer.')
    })
    if (response.status === 401) throw new AdminError(401, this.hasToken ? WRONG_TOKEN : NO_TOKEN)
    if (!response.ok) throw new AdminError(response.status, await reasonOf(response))
    return response
  }
}

async function reasonOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined)
  if (typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string')
    return sentence(body.error)
  return `The gateway answered ${response.status}.`
}

/** What the gateway says of a failure, as people write it. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`
}
