import { RequestError } from '../rules/request-error.js'
import { BodyBytes, parseJsonBody } from './json-body.js'
import { BodyMemoryError } from './reading-memory.js'

/**
 * Returns the JSON body of a web request. It reads a copy, so the handler can still read the
 * original.
 */
export async function webBody(request: Request): Promise<unknown> {
  if (request.body === null) return undefined
  return parseJsonBody(await bytesOf(request), (name) => request.headers.get(name) ?? undefined)
}

/** Returns the size of the body in bytes. */
export async function webBodySize(request: Request): Promise<number> {
  return request.body === null ? 0 : (await bytesOf(request)).byteLength
}

async function bytesOf(request: Request): Promise<Buffer> {
  const reader = (request.clone().body as ReadableStream<Uint8Array>).getReader()
  let isEvicted = false
  const body = new BodyBytes(() => {
    isEvicted = true
    // This ends the pending read.
    reader.cancel().catch(() => {})
  })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (isEvicted) throw new BodyMemoryError()
      if (done) return body.bytes
      body.add(value)
    }
  } catch (error) {
    // The cancellation takes effect once the handler has finished with its own copy.
    reader.cancel().catch(() => {})
    if (error instanceof RequestError || error instanceof BodyMemoryError) throw error
    throw new RequestError('the connection closed before the whole body arrived')
  } finally {
    body.release()
  }
}
