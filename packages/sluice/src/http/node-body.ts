import type { IncomingMessage } from 'node:http'
import { RequestError } from '../rules/request-error.js'
import { BodyBytes, parseJsonBody } from './json-body.js'
import { BodyMemoryError } from './reading-memory.js'

/**
 * The body of a request of Node's as JSON: as the framework has parsed it, or else read ahead, so that whoever reads it
 * afterwards finds all of it.
 *
 * @param parsed by the framework; undefined or null where it has not
 */
export function nodeBody(parsed: unknown, request: IncomingMessage): unknown {
  if ((parsed !== undefined && parsed !== null) || !canReadAhead(request)) return parsed
  return readAhead(request).then((bytes) => parseJsonBody(bytes, (name) => request.headers[name]?.toString()))
}

function canReadAhead(request: IncomingMessage): boolean {
  const { headers, readableDidRead } = request
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  // A request that a test makes may be no stream.
  return hasBody && readableDidRead === false
}

/** Reads a body and puts it back, before the stream tells anybody of its end. */
function readAhead(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const body = new BodyBytes(() => settle(() => reject(new BodyMemoryError())))
    const settle = (end: () => void) => {
      request.off('readable', onReadable).off('close', onClose).off('error', onClose)
      body.release()
      end()
    }
    const onClose = () =>
      settle(() => reject(new RequestError('the connection was closed before the body had come')))
    const onReadable = () => {
      try {
        for (let piece = request.read(); piece !== null; piece = request.read()) body.add(piece)
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
