import { createServer, connect as dial, type Socket } from 'node:net'

/**
 * Mode of a faulty proxy. `forward`: all data is forwarded. `drop`: data is lost, and so is all
 * later data on the same connection. A number: replies are delayed by this many milliseconds.
 */
type ProxyMode = 'forward' | 'drop' | number

/** A proxy to a server whose connections can be disturbed while they are in use. */
export interface FaultyProxy {
  readonly port: number
  /** Number of connections. */
  readonly connections: number
  mode: ProxyMode
  /** Resets every connection. */
  reset(): void
  stop(): void
}

/** Starts a proxy on a free port for a server on another port of this machine. */
export async function startFaultyProxy(to: number): Promise<FaultyProxy> {
  const clients = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (client) => {
    clients.add(client)
    const server = dial({ port: to, host: '127.0.0.1', noDelay: true })
    let dead = false
    /** Delayed replies in their order. */
    const delayed: Buffer[] = []
    const isForwarded = () => {
      dead ||= proxy.mode === 'drop'
      return !dead
    }
    client.on('data', (data) => {
      if (isForwarded()) server.write(data)
    })
    server.on('data', (data) => {
      if (!isForwarded()) return
      const delayMs = typeof proxy.mode === 'number' ? proxy.mode : 0
      if (delayMs === 0 && delayed.length === 0) {
        client.write(data)
        return
      }
      // Replies keep their order, even if the mode has changed in the meantime.
      delayed.push(data)
      setTimeout(() => client.write(delayed.shift() as Buffer), delayMs)
    })
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
    client.on('close', () => clients.delete(client))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  const proxy: FaultyProxy = {
    port: address.port,
    get connections() {
      return clients.size
    },
    mode: 'forward',
    reset() {
      for (const client of clients) client.resetAndDestroy()
    },
    stop() {
      listener.close()
      for (const client of clients) client.destroy()
    },
  }
  return proxy
}
