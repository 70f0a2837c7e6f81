import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RunningApp } from '../framework.js'

/** Starts a Node.js server on a free port. */
export async function startServer(listener: RequestListener): Promise<RunningApp> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return appOf(server)
}

export function appOf(server: Server, end: () => Promise<unknown> = async () => {}): RunningApp {
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      if (server.listening) server.close()
      await end()
    },
  }
}
