import type { GatewayRequest } from '../../../src/policy/policy-request.js'

/** Creates a request with the given parts, as rules see it. */
export function request(parts: Partial<Omit<GatewayRequest, 'call'>> = {}): GatewayRequest {
  return {
    method: 'POST',
    path: '/predict',
    route: 'POST /predict',
    params: bare({}),
    query: bare({}),
    headers: bare({}),
    ip: '192.0.2.1',
    client: undefined,
    time: 0,
    body: null,
    model: '',
    // These tests have no model calls.
    call: undefined as never,
    ...parts,
  }
}

/** Creates an object without a prototype, as the gateway does. */
export function bare<T extends object>(members: T): T {
  return Object.assign(Object.create(null), members)
}
