/** A model server that costs nothing to ask: it answers each request with the same small JSON. Its argument is the port. */
import { createServer } from 'node:http'

const ANSWER = JSON.stringify({ prediction: 1, confidence: 0.93 })
const HEAD = { 'content-type': 'application/json', 'content-length': ANSWER.length }

createServer((request, response) => {
  request.resume()
  response.writeHead(200, HEAD).end(ANSWER)
}).listen(Number(process.argv[2]), '127.0.0.1')
