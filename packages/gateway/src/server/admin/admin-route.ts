import type { IncomingMessage, ServerResponse } from 'node:http'

/** What the admin port answers. */
export interface Answer {
  readonly status: number
  /** Default: JSON. */
  readonly type?: string
  /** Bytes or a text as they are, or what becomes JSON. */
  readonly body: Buffer | string | object
}

export interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
}

/** What there is at a path of the admin port. */
export interface Page {
  /** Default: GET, and HEAD with it. */
  readonly method?: 'POST'
  /**
   * `probe`: everybody, under any name. `empty`: everybody who asks by a name of this port; there is no data in it. `data`: who may
   * read. `act`: it looks for itself.
   */
  readonly access: 'probe' | 'empty' | 'data' | 'act'
  /** Undefined where it has answered, or goes on answering, by itself. */
  readonly answer: (asked: Asked) => Promise<Answer | undefined> | Answer | undefined
}
