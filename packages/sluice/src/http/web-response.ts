import type { Permit } from '../limiter/permit.js'
import type { MaybePromise } from '../maybe-promise.js'
import type { HttpAnswer } from './problem.js'
import { isListHeader } from './ratelimit-headers.js'

/** Creates a web `Response`. */
export function responseOf({ status, headers, body }: HttpAnswer): Response {
  // A response such as 204 has no body, not even an empty one.
  return new Response(body === '' ? null : body, {
    status,
    headers: headers.map(([name, value]) => [name, value]),
  })
}

/**
 * Returns the response with additional headers. It is a copy, because the headers of a fetched
 * response are immutable. A response that switches protocols cannot be copied and is returned
 * unchanged.
 *
 * @param headers names in lower case; values are appended to list headers and replace others
 */
export function withHeaders(
  response: Response,
  headers: readonly (readonly [name: string, value: string])[],
): Response {
  if (headers.length === 0 || response.status < 200) return response
  const merged = new Headers(response.headers)
  for (const [name, value] of headers) {
    if (isListHeader(name, value) || name === 'set-cookie') merged.append(name, value)
    else merged.set(name, value)
  }
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers: merged,
  })
}

/**
 * Renews the slots of a permit while a request is handled, and releases them if the handler fails,
 * since no response follows.
 */
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
 * Reports the status of the response that a handler returns, and 500 if it throws. Reports nothing if
 * the client has disconnected by then.
 */
export async function reportingStatus(
  onStatus: (status: number) => void,
  isDisconnected: () => boolean,
  handle: () => MaybePromise<Response>,
): Promise<Response> {
  let status = 500
  try {
    const response = await handle()
    status = response.status
    return response
  } finally {
    if (!isDisconnected()) onStatus(status)
  }
}

/**
 * Handles an admitted request. Its slots are renewed until the client disconnects, the handler
 * fails, or the response ends, and are then released.
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

/**
 * Releases the slots of responses that were discarded unread, for example because middleware
 * replaced them.
 */
const discarded = new FinalizationRegistry<() => void>((release) => release())

/**
 * Renews the slots of a permit while a response is in progress. Releases them when the body has
 * been read, cancelled or garbage-collected, when it fails, or when the client disconnects.
 *
 * @param request the request of the response; the body of a HEAD response is never read
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
  // Throws for a body that already has a reader.
  const body = onStreamEnd(response.body, release)
  const { status, statusText, headers } = response
  const tracked = new Response(body, { status, statusText, headers })
  permit.keepRenewed()
  signal.addEventListener('abort', release)
  discarded.register(body, release)
  return tracked
}

/**
 * Calls `listener` when the signal reports that the client disconnected.
 *
 * @returns a function that stops watching
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener()
    return () => {}
  }
  signal.addEventListener('abort', listener)
  return () => signal.removeEventListener('abort', listener)
}

/** Returns a stream of the same bytes that is read on demand. Calls `onEnd` when it ends. */
function onStreamEnd(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          onEnd()
          controller.close()
        } catch (error) {
          onEnd()
          controller.error(error)
        }
      },
      cancel(reason) {
        onEnd()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
