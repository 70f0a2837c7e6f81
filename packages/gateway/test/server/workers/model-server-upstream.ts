import type { IncomingMessage, ServerResponse } from 'node:http'
import { ModelServer } from '../../../src/replay/server/model-server.js'
import type { ServerFigures } from '../../../src/replay/server/server-figures.js'
import type { ServerRequest } from '../../../src/replay/server/server-request.js'

interface Generation extends ServerRequest {
  readonly response: ServerResponse
  readonly tenant: string
  /** Tokens that were sent. */
  sent: number
}

/** How often a running response is continued, in milliseconds. */
const REPORT_EVERY_MS = 100

/**
 * An upstream that is the model of a server in real time. It responds like the chat completions of
 * OpenAI: a stream of events, with the usage at its end.
 */
export function modelServerUpstream(figures: ServerFigures, request: { input: number; output: number }) {
  const startedAt = performance.now()
  const now = () => performance.now() - startedAt
  let lastId = 0
  let timer: NodeJS.Timeout | undefined
  const begun = new Map<string, number>()
  let cancelled = 0

  const send = ({ response }: Generation, event: object | '[DONE]') =>
    response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  const write = (generation: Generation, output: number) => {
    const content = 'word '.repeat(output - generation.sent)
    generation.sent = output
    if (content !== '') send(generation, { choices: [{ index: 0, delta: { content } }] })
  }
  const server = new ModelServer<Generation>(
    figures,
    {
      began(generation) {
        begun.set(generation.tenant, (begun.get(generation.tenant) ?? 0) + 1)
        generation.response.writeHead(200, { 'content-type': 'text/event-stream' })
        write(generation, 1)
      },
      wrote: (generation, output) => write(generation, output),
      ended(generation) {
        const { input: prompt_tokens, output: completion_tokens } = generation
        write(generation, completion_tokens)
        send(generation, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
        const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
        send(generation, { choices: [], usage })
        send(generation, '[DONE]')
        generation.response.end()
      },
    },
    { reportEveryMs: REPORT_EVERY_MS },
  )
  const run = () => {
    clearTimeout(timer)
    while (server.nextEventAt !== undefined && server.nextEventAt <= now()) server.advance()
    if (server.nextEventAt !== undefined) timer = setTimeout(run, server.nextEventAt - now())
  }
  return {
    /** The responses that have begun, by tenant. */
    begun,
    server,
    get cancelled() {
      return cancelled
    },
    async listener(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
      for await (const _ of incoming);
      run()
      const generation: Generation = {
        ...{ id: ++lastId, response, tenant: String(incoming.headers['x-tenant']), sent: 0 },
        ...request,
      }
      server.submit(generation, now())
      response.on('close', () => {
        if (response.writableFinished) return
        cancelled++
        server.cancel(generation.id, now())
      })
      run()
    },
  }
}
