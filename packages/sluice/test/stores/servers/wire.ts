import { createServer, connect as dial, type Socket } from 'node:net'

/**
 * What becomes of what is said through a wire. `through`: it arrives. `swallows`: it is lost, and so is all that is said
 * later on the same connection. A number: it arrives, the answers so many milliseconds late.
 */
type StoreStatusPanel = 'through' | 'swallows' | number

/** Connections to a server that can be spoilt while they are in use. */
export interface Wire {
  readonly port: number
  /** How many connections there are. */
  readonly connections: number
  condition: StoreStatusPanel
  /** Ends every connection with a reset. */
  reset(): void
  stop(): void
}

/** Stands before the server of a port of this machine, on a free one. */
export async function startWire(to: number): Promise<Wire> {
  const clients = new Set<Socket>()
  const listener = createServer({ noDelay: true }, (client) => {
    clients.add(client)
    const server = dial({ port: to, host: '127.0.0.1', noDelay: true })
    let dead = false
    /** Answers that are late, in their order. */
    const underWay: Buffer[] = []
    const passes = () => {
      dead ||= wire.condition === 'swallows'
      return !dead
    }
    client.on('data', (data) => {
      if (passes()) server.write(data)
    })
    server.on('data', (data) => {
      if (!passes()) return
      const late = typeof wire.condition === 'number' ? wire.condition : 0
      if (late === 0 && underWay.length === 0) {
        client.write(data)
        return
      }
      // As on any connection nothing overtakes what was said before, also when the condition has changed meanwhile.
      underWay.push(data)
      setTimeout(() => client.write(underWay.shift() as Buffer), late)
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
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  const wire: Wire = {
    port: address.port,
    get connections() {
      return clients.size
    },
    condition: 'through',
    reset() {
      for (const client of clients) client.resetAndDestroy()
    },
    stop() {
      listener.close()
      for (const client of clients) client.destroy()
    },
  }
  return wire
}
