/** http-proxy-3 with keep-alive. The arguments are its port and the port of the upstream. */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy-3'

const [port, upstream] = process.argv.slice(2)
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstream}`,
  agent: new Agent({ keepAlive: true, maxSockets: 1000 }),
  xfwd: true,
})
createServer((request, response) => proxy.web(request, response)).listen(Number(port), '127.0.0.1')
