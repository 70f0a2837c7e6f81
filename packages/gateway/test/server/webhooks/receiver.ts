import { startUpstream } from '../gateway/running-gateway.js'

/** A webhook receiver that recognizes repeated notices by their ID. */
export interface TestReceiver {
  readonly url: string
  /** The number of requests so far. */
  readonly attempts: number
  /** The notices that were accepted, by ID. */
  readonly delivered: ReadonlyMap<string, { readonly body: string; readonly signature: string }>
}

/**
 * Starts a receiver that stops after the test.
 *
 * @param statusOf the status for an attempt of a notice, from 1; `undefined` never responds
 */
export async function startReceiver(
  statusOf: (attempt: number) => number | undefined,
): Promise<TestReceiver> {
  const attempts = new Map<string, number>()
  const delivered = new Map<string, { body: string; signature: string }>()
  const state = { attempts: 0, delivered }
  const url = await startUpstream(async (request, response) => {
    const id = String(request.headers['sluice-webhook-id'])
    let body = ''
    for await (const chunk of request) body += chunk
    const attempt = (attempts.get(id) ?? 0) + 1
    attempts.set(id, attempt)
    state.attempts++
    const status = statusOf(attempt)
    if (status === undefined) return
    if (status < 300) delivered.set(id, { body, signature: String(request.headers['sluice-signature']) })
    response.writeHead(status).end()
  })
  return Object.assign(state, { url: `${url}/hook?token=query-secret` })
}
