import type { InboundRequest } from './inbound-request.js'
import { BodyAbortedError } from './read-body.js'

/** No byte of the body came in time: a 408. */
export class BodyTimeoutError extends Error {
  override readonly name = 'BodyTimeoutError'
  constructor() {
    super('The request has a body, and none of it came in time.')
  }
}

/**
 * Waits until the first byte of a body is here. It is not read.
 *
 * @param patience in milliseconds; 0 waits as long as the server's `requestTimeout` allows
 * @throws BodyTimeoutError, BodyAbortedError
 */
export function firstBytes(request: InboundRequest, patience: number): Promise<void> {
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
    const timer = patience === 0 ? undefined : setTimeout(onTimeout, patience)
    request.onBegin(() => {
      stop()
      resolve()
    })
    // Without a reader, an aborted request tells of it by `close` alone.
    request.once('close', onClose)
  })
}
