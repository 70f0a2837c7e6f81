import type { InboundRequest } from './inbound-request.js'
import { BodyAbortedError } from './read-body.js'

/** No byte of the body arrived in time (408). */
export class BodyTimeoutError extends Error {
  override readonly name = 'BodyTimeoutError'
  constructor() {
    super('The request body did not begin to arrive in time.')
  }
}

/**
 * Waits for the first byte of a body without reading it.
 *
 * @param timeoutMs 0 waits as long as the server's `requestTimeout` allows
 * @throws BodyTimeoutError or BodyAbortedError
 */
export function firstBytes(request: InboundRequest, timeoutMs: number): Promise<void> {
  if (request.hasBegun) return Promise.resolve()
  return new Promise((resolve, reject) => {
    if (request.destroyed) {
      reject(new BodyAbortedError())
      return
    }
    const stop = () => {
      clearTimeout(timer)
      request.onBegin(undefined)
      request.off('close', onClose)
    }
    const onClose = () => {
      stop()
      reject(new BodyAbortedError())
    }
    const onTimeout = () => {
      stop()
      reject(new BodyTimeoutError())
    }
    const timer = timeoutMs === 0 ? undefined : setTimeout(onTimeout, timeoutMs)
    request.onBegin(() => {
      stop()
      resolve()
    })
    // Without a reader, an aborted request emits only `close`.
    request.once('close', onClose)
  })
}
