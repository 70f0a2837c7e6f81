import type { IncomingMessage } from 'node:http'
import { HttpError } from './exchange.js'
import { invalid } from './validation.js'

/** Maximum size of a body, in bytes. */
const MAX_BODY_BYTES = 1024 * 1024

/**
 * Reads the body as JSON, whatever its content type.
 *
 * @throws HttpError 413 if the body is too large, 415 if it is compressed, 422 if it is not JSON
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    throw new HttpError(415, `the body is encoded with ${encoding}; send it uncompressed`)
  }
  const text = decodeUtf8(await readAll(request))
  try {
    const body: unknown = JSON.parse(text)
    return body
  } catch (error) {
    throw invalid(['body'], `is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () => new HttpError(413, `the body is larger than ${MAX_BODY_BYTES} bytes`)
  if (Number(request.headers['content-length']) > MAX_BODY_BYTES) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  // `for await` would close the connection on an early return, before the response is sent.
  await new Promise<void>((resolve, reject) => {
    request
      .on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= MAX_BODY_BYTES) chunks.push(chunk)
        else reject(tooLarge())
      })
      .on('end', resolve)
      .on('error', reject)
  })
  return Buffer.concat(chunks)
}

function decodeUtf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw invalid(['body'], 'is not valid UTF-8')
  }
}
