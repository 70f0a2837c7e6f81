import type { ServerResponse } from 'node:http'
import type { NodeRequest } from './node-request.js'

/** What servers of Node's hand to a `fetch` handler beside the request, as `@hono/node-server` does. */
export interface NodeBindings {
  readonly incoming: NodeRequest
  readonly outgoing: ServerResponse
}

/** Node's own request and response, where what a server handed on has them. */
export function nodeBindingsOf(given: unknown): NodeBindings | undefined {
  const { incoming, outgoing } = (given ?? {}) as Partial<NodeBindings>
  return incoming?.headers !== undefined && typeof outgoing?.once === 'function'
    ? { incoming, outgoing }
    : undefined
}
