/** http-proxy-3 with connections that are kept. Its arguments are its port and the upstream's. */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy-3'

const [port, upstream] = process.argv.slice(2)
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstream}`,
  agent: new Agent({ keepAlive: true, maxSockets: 1000 }),
  xfwd: true,
})
createServer((request, response) => proxy.web(request, response)).listen(Number(port), '127.0.0.1')
