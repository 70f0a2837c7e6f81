import type { IncomingMessage } from 'node:http'
import { RequestError } from '../rules/request-error.js'
import { BodyBytes, parseJsonBody } from './json-body.js'
import { BodyMemoryError } from './reading-memory.js'

/**
 * Returns the JSON body of a Node request. A body that the framework has not parsed is read ahead
 * and put back, so that a later reader still receives all of it.
 *
 * @param parsed the body that the framework parsed; undefined or null if it parsed none
 */
export function nodeBody(parsed: unknown, request: IncomingMessage): unknown {
  if ((parsed !== undefined && parsed !== null) || !canReadAhead(request)) return parsed
  return readAhead(request).then((bytes) => parseJsonBody(bytes, (name) => request.headers[name]?.toString()))
}

function canReadAhead(request: IncomingMessage): boolean {
  const { headers, readableDidRead } = request
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  // A request that a test creates may not be a stream.
  return hasBody && readableDidRead === false
}

/** Reads a body and puts it back before the stream emits its end. */
function readAhead(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const body = new BodyBytes(() => settle(() => reject(new BodyMemoryError())))
    const settle = (end: () => void) => {
      request.off('readable', onReadable).off('close', onClose).off('error', onClose)
      body.release()
      end()
    }
    const onClose = () =>
      settle(() => reject(new RequestError('the connection closed before the whole body arrived')))
    const onReadable = () => {
      try {
        for (let chunk = request.read(); chunk !== null; chunk = request.read()) body.add(chunk)
      } catch (error) {
        settle(() => reject(error))
        return
      }
      if (!request.complete) return
      const { bytes } = body
      settle(() => {
        if (bytes.byteLength > 0) request.unshift(bytes)
        resolve(bytes)
      })
    }
    request.on('readable', onReadable).on('close', onClose).on('error', onClose)
  })
}
