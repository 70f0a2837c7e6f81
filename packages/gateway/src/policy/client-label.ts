import type { RequestSender } from './policy-request.js'

/** The longest label, in UTF-16 code units. */
const MAX_LABEL_LENGTH = 128

/** Names the sender of a request for operators: by client id, or by address if anonymous. */
export function clientLabel(request: RequestSender): string {
  const { client } = request
  return client === undefined ? addressOf(request) : `client ${client.id}`.slice(0, MAX_LABEL_LENGTH)
}

/** The address of the sender, for operators. */
export function addressOf(request: Pick<RequestSender, 'ip'>): string {
  try {
    return request.ip
  } catch {
    // A trusted proxy sent an invalid address. Rules that need it have already refused the request.
    return 'unreadable address'
  }
}
