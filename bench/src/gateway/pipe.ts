/**
 * A minimal proxy on undici, without checks, limits, metrics or forwarding headers. The arguments
 * are its port and the port of the upstream.
 */
import { createServer } from 'node:http'
import { Pool } from 'undici'

const [port, upstream] = process.argv.slice(2)
const pool = new Pool(`http://127.0.0.1:${upstream}`, { connections: null, pipelining: 1 })

createServer((request, response) => {
  pool.dispatch(
    {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: request.headers,
      body: request.method === 'GET' ? null : request,
    },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        response.writeHead(status, headers as Record<string, string>)
      },
      onResponseData(controller, chunk) {
        if (response.write(chunk)) return
        controller.pause()
        response.once('drain', () => controller.resume())
      },
      onResponseEnd() {
        response.end()
      },
      onResponseError(_controller, error) {
        response.destroy(error)
      },
    },
  )
}).listen(Number(port), '127.0.0.1')
