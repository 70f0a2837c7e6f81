import type { RequestSender } from './policy-request.js'

/** Longest name of a client that is shown, in UTF-16 units. */
const LONGEST = 128

/** Who sends a request, for those who run the gateway: the id of a client that is known, else its address. */
export function clientLabel(request: RequestSender): string {
  const { client } = request
  return client === undefined ? addressOf(request) : `client ${client.id}`.slice(0, LONGEST)
}

/** The address that a request came from, for those who run the gateway. */
export function addressOf(request: Pick<RequestSender, 'ip'>): string {
  try {
    return request.ip
  } catch {
    // As a trusted proxy may send it. No rule asked for it, or the request would have been refused.
    return 'unreadable address'
  }
}
