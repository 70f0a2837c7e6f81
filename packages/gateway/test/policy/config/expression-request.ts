import type { GatewayRequest } from '../../../src/policy/policy-request.js'

/** A request as rules see it, of which only some is said. */
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
    body: null,
    // None of a model's.
    call: undefined as never,
    ...parts,
  }
}

/** An object without a prototype, as the gateway makes them. */
export function bare<T extends object>(members: T): T {
  return Object.assign(Object.create(null), members)
}
