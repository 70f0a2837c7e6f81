import type { RequestSender } from './policy-request.js'

/** Maximum length of a label, in UTF-16 code units. */
const MAX_LABEL_LENGTH = 128

/** Returns a label of the sender for operators: the client id, or the address if anonymous. */
export function clientLabel(request: RequestSender): string {
  const { client } = request
  return client === undefined ? addressOf(request) : labelOfClient(client.id)
}

/** Returns the label of a client by its ID. */
export function labelOfClient(id: string): string {
  return `client ${id}`.slice(0, MAX_LABEL_LENGTH)
}

/** Returns the address of the sender, for operators. */
export function addressOf(request: Pick<RequestSender, 'ip'>): string {
  try {
    return request.ip
  } catch {
    // A trusted proxy sent an invalid address. Rules that need it have already refused the request.
    return 'unreadable address'
  }
}

/** Maximum length of a path that operators see, in UTF-16 code units. */
const MAX_PATH_LENGTH = 200

/** Returns the method and the path of a request, for operators. The query is not part of it. */
export function pathOf(request: RequestSender): { readonly method: string; readonly path: string } {
  const { method = '', path = '' } = request
  return { method, path: path.slice(0, MAX_PATH_LENGTH) }
}
