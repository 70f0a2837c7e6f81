import type { Permit } from '../limiter/permit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { HttpAnswer } from './problem.js'

/** An answer as the web's standard has it. */
export function responseOf({ status, headers, body }: HttpAnswer): Response {
  // An answer such as 204 has no body, not even an empty one.
  return new Response(body === '' ? null : body, {
    status,
    headers: headers.map(([name, value]) => [name, value]),
  })
}

/**
 * An answer with these fields beside its own: a copy, as the headers of those that were fetched cannot be changed. One that switches protocols
 * cannot be copied, and stays as it is.
 *
 * @param fields names in lower case; lists are added to, and other fields are replaced
 */
export function withFields(
  response: Response,
  fields: readonly (readonly [name: string, value: string])[],
): Response {
  if (fields.length === 0 || response.status < 200) return response
  const headers = new Headers(response.headers)
  for (const [name, value] of fields) {
    if (name === 'ratelimit' || name === 'ratelimit-policy' || name === 'set-cookie')
      headers.append(name, value)
    else headers.set(name, value)
  }
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}

/** Renews a permit's slots while a request is handled, and releases them where that fails: there is no answer to wait for then. */
export async function whileHandled<T>(permit: Permit | undefined, handle: () => MaybePromise<T>): Promise<T> {
  permit?.keepRenewed()
  try {
    return await handle()
  } catch (error) {
    permit?.[Symbol.dispose]()
    throw error
  }
}

/**
 * Has an admitted request handled. Its slots are renewed meanwhile, and released when the client goes away, when the handler
 * fails, or when its answer has ended.
 */
export async function handleAdmitted(
  permit: Permit | undefined,
  request: Pick<Request, 'method' | 'signal'>,
  handle: () => MaybePromise<Response>,
): Promise<Response> {
  if (permit === undefined) return handle()
  const stopWatching = onAbort(request.signal, () => permit[Symbol.dispose]())
  try {
    return await whileHandled(permit, async () => releaseWhenRead(await handle(), permit, request))
  } finally {
    stopWatching()
  }
}

/** Releases for answers that somebody threw away unread, as one who answers something else in their place. */
const forgotten = new FinalizationRegistry<() => void>((release) => release())

/**
 * Renews a permit's slots while an answer is under way and releases them when its body has been read, is given up, fails or is
 * forgotten, or when the client has gone.
 *
 * @param request what is answered; of HEAD nobody reads the body
 */
export function releaseWhenRead(
  response: Response,
  permit: Permit | undefined,
  { method, signal }: Pick<Request, 'method' | 'signal'>,
): Response {
  if (!permit?.holdsSlots) return response
  const release = () => {
    signal.removeEventListener('abort', release)
    permit[Symbol.dispose]()
  }
  if (response.body === null || method === 'HEAD' || signal.aborted) {
    release()
    return response
  }
  // Fails for a body that somebody reads already.
  const body = watched(response.body, release)
  const { status, statusText, headers } = response
  const answer = new Response(body, { status, statusText, headers })
  permit.keepRenewed()
  signal.addEventListener('abort', release)
  forgotten.register(body, release)
  return answer
}

/** Calls `gone` when the signal says that the client has hung up. @returns what ends the watch */
export function onAbort(signal: AbortSignal, gone: () => void): () => void {
  if (signal.aborted) {
    gone()
    return () => {}
  }
  signal.addEventListener('abort', gone)
  return () => signal.removeEventListener('abort', gone)
}

/** The same bytes, no earlier than they are asked for; `ended` is called once there will be no more. */
function watched(body: ReadableStream<Uint8Array>, ended: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          ended()
          controller.close()
        } catch (error) {
          ended()
          controller.error(error)
        }
      },
      cancel(reason) {
        ended()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
