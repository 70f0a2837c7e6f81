import type { ServerResponse } from 'node:http'
import type { NodeRequest } from './node-request.js'

/**
 * Node objects that servers such as `@hono/node-server` pass to a `fetch` handler in addition to
 * the request.
 */
export interface NodeBindings {
  readonly incoming: NodeRequest
  readonly outgoing: ServerResponse
}

/** Returns Node's request and response if the value passed by a server contains them. */
export function nodeBindingsOf(given: unknown): NodeBindings | undefined {
  const { incoming, outgoing } = (given ?? {}) as Partial<NodeBindings>
  return incoming?.headers !== undefined && typeof outgoing?.once === 'function'
    ? { incoming, outgoing }
    : undefined
}
