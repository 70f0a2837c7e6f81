import type { IncomingMessage, ServerResponse } from 'node:http'

/** A response of the admin port. */
export interface AdminResponse {
  readonly status: number
  /** Default: `application/json`. */
  readonly type?: string
  /** Strings and buffers are sent unchanged; objects are sent as JSON. */
  readonly body: Buffer | string | object
  /** The name under which a browser saves the body; undefined to show it. Must need no quoting. */
  readonly fileName?: string
}

export interface AdminRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  /** The part of the path that `*` stands for in the path of the route; empty if there is none. */
  readonly name: string
}

/** The handler of one path of the admin port. */
export interface AdminRoute {
  /** Default: GET, which includes HEAD. */
  readonly method?: 'POST'
  /**
   * - `probe`: open to every client, under any host name.
   * - `static`: open to every client that uses an allowed host name; contains no data.
   * - `data`: requires permission to read.
   * - `action`: the handler checks access itself.
   */
  readonly access: 'probe' | 'static' | 'data' | 'action'
  /** Returns undefined if the handler writes the response itself. */
  readonly handle: (request: AdminRequest) => Promise<AdminResponse | undefined> | AdminResponse | undefined
}

export function failure(status: number, error: string): AdminResponse {
  return { status, body: { error } }
}
