/**
 * A model server that responds at once. The arguments are its port and the milliseconds between two
 * events of a stream. A stream has as many events as the request's `max_tokens`.
 */
import { createServer, type ServerResponse } from 'node:http'

interface Completion {
  readonly stream?: boolean
  readonly max_tokens?: number
  readonly stream_options?: { readonly include_usage?: boolean }
}

const [port, interval] = process.argv.slice(2).map(Number)
const USAGE = { prompt_tokens: 12, completion_tokens: 8, total_tokens: 20 }
const HEAD = { id: 'chatcmpl-1', created: 1, model: 'stub' }
const MESSAGE = { role: 'assistant', content: 'A limit is an upper bound.' }
const ANSWER = JSON.stringify({
  ...HEAD,
  object: 'chat.completion',
  choices: [{ index: 0, message: MESSAGE, finish_reason: 'stop' }],
  usage: USAGE,
})
const TOKEN = event({ choices: [{ index: 0, delta: { content: ' limit' }, finish_reason: null }] })
const LAST_TOKEN = event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
const LAST_USAGE = event({ choices: [], usage: USAGE })

function event(members: object): string {
  return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', ...members })}\n\n`
}

function sendStream(response: ServerResponse, { max_tokens: events = 16, stream_options }: Completion) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let sent = 0
  const send = () => {
    if (++sent < events) return response.write(TOKEN)
    clearInterval(timer)
    return response.end(`${LAST_TOKEN}${stream_options?.include_usage ? LAST_USAGE : ''}data: [DONE]\n\n`)
  }
  const timer = setInterval(send, interval)
  response.once('close', () => clearInterval(timer))
  send()
}

createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    const completion: Completion = body === '' ? {} : JSON.parse(body)
    if (completion.stream) return sendStream(response, completion)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
    return response.end(ANSWER)
  })
}).listen(port, '127.0.0.1')
