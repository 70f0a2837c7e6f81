/** A model server that always responds with the same small JSON. The argument is its port. */
import { createServer } from 'node:http'

const BODY = JSON.stringify({ prediction: 1, confidence: 0.93 })
const HEAD = { 'content-type': 'application/json', 'content-length': BODY.length }

createServer((request, response) => {
  request.resume()
  response.writeHead(200, HEAD).end(BODY)
}).listen(Number(process.argv[2]), '127.0.0.1')
