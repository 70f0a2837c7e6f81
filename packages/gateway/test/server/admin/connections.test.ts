import { it } from 'vitest'
import { startTestGateway } from '../gateway/running-gateway.js'
import { rawClient } from '../proxy/raw-client.js'
import { httpUpstream } from '../proxy/upstream-under-test.js'

const MAX_CONNECTIONS = 64

it('the admin port accepts a new connection even if idle connections use up the limit', async () => {
  const upstream = await httpUpstream()
  const { adminUrl } = await startTestGateway('', upstream.url)
  const port = Number(new URL(adminUrl).port)
  const working = await rawClient(port)
  const request = 'GET /healthz HTTP/1.1\r\nHost: admin\r\n\r\n'
  working.send(request)
  await working.until('HTTP/1.1 200 ')
  const idle = []
  for (let opened = 0; opened < MAX_CONNECTIONS + 5; opened++) idle.push(await rawClient(port))
  // The oldest idle connections are closed; the one that sent a request stays open.
  await Promise.all(idle.slice(0, 5).map((client) => client.closed))
  working.send(request)
  await working.until('HTTP/1.1 200 ', 2)
  idle.at(-1)?.send(request)
  await idle.at(-1)?.until('HTTP/1.1 200 ')
})
