import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** The parts of a model request that tests check. */
interface ModelRequest {
  readonly body: {
    readonly stream?: boolean
    readonly stream_options?: { readonly include_usage?: boolean }
  }
  readonly headers: IncomingMessage['headers']
}

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens: number }
}

export interface ChatModel {
  readonly listener: RequestListener
  readonly requests: ModelRequest[]
}

/**
 * Creates a model that responds with the given text in OpenAI's shape: as a JSON document, or as a
 * stream that ends with its usage if requested.
 */
export function chatModel({
  words,
  usage,
}: {
  readonly words: readonly string[]
  readonly usage: Usage
}): ChatModel {
  const requests: ModelRequest[] = []
  return {
    requests,
    async listener(request, response) {
      const body = (await jsonOf(request)) as ModelRequest['body']
      requests.push({ body, headers: request.headers })
      if (body.stream === true) {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const word of words) response.write(wordEvent(word))
        if (body.stream_options?.include_usage === true) response.write(usageEvent(usage))
        response.end('data: [DONE]\n\n')
      } else {
        const message = { role: 'assistant', content: words.join('') }
        sendJson(response, { choices: [{ index: 0, message }], usage })
      }
    },
  }
}

export function wordEvent(content: string): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`
}

export function usageEvent(usage: Usage): string {
  return `data: ${JSON.stringify({ choices: [], usage })}\n\n`
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

export async function jsonOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString())
}
