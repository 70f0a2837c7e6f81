import { RequestError } from '../rules/request-error.js'
import { BodyBytes, parseJsonBody } from './json-body.js'
import { BodyMemoryError } from './reading-memory.js'

/** The body of a request of the web's standard as JSON. It is read from a copy, and left for the handler. */
export async function webBody(request: Request): Promise<unknown> {
  if (request.body === null) return undefined
  return parseJsonBody(await bytesOf(request), (name) => request.headers.get(name) ?? undefined)
}

/** How many bytes such a body has. */
export async function webBodySize(request: Request): Promise<number> {
  return request.body === null ? 0 : (await bytesOf(request)).byteLength
}

async function bytesOf(request: Request): Promise<Buffer> {
  const reader = (request.clone().body as ReadableStream<Uint8Array>).getReader()
  let isEvicted = false
  const body = new BodyBytes(() => {
    isEvicted = true
    // The read that is pending ends with this.
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
    // It is cancelled once the handler has done with its own copy, too.
    reader.cancel().catch(() => {})
    if (error instanceof RequestError || error instanceof BodyMemoryError) throw error
    throw new RequestError('the connection was closed before the body had come')
  } finally {
    body.release()
  }
}
