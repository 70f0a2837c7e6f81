import type { RequestSender } from './gateway-request.js'

/** Longest name of a client that is shown, in UTF-16 units. */
const LONGEST = 128

/** Who sends a request, for those who run the gateway: the id of a client that is known, else its address. */
export function clientName(request: RequestSender): string {
  const { client } = request
  if (client !== undefined) return `client ${client.id}`.slice(0, LONGEST)
  try {
    return request.ip
  } catch {
    // A trusted proxy named none, and no rule asked for it.
    return 'unreadable address'
  }
}
