import { Agent, type IncomingMessage, request } from 'node:http'
import { onTestFinished } from 'vitest'

/** A connection that stays open between requests, so that one worker handles all of them. */
export interface PinnedConnection {
  /** Sends a GET request and returns the status and the body of the response. */
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; text: string }>
}

/** Opens connections one after another, with one request each. They close after the test. */
export async function openPinnedConnections(url: string, count: number): Promise<PinnedConnection[]> {
  const connections: PinnedConnection[] = []
  for (let index = 0; index < count; index++) {
    const connection = pinnedConnection(url)
    await connection.get('/')
    connections.push(connection)
  }
  return connections
}

function pinnedConnection(url: string): PinnedConnection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  let pinned: unknown
  return {
    get: (path, headers = {}) =>
      new Promise((resolve, reject) => {
        const sent = request(new URL(path, url), { agent, headers })
        sent.on('socket', (socket) => {
          pinned ??= socket
          if (socket !== pinned) sent.destroy(new Error('the gateway closed the connection'))
        })
        sent.on('error', reject)
        sent.on('response', async (response: IncomingMessage) => {
          let text = ''
          try {
            for await (const chunk of response.setEncoding('utf8')) text += chunk
            resolve({ status: response.statusCode ?? 0, text })
          } catch (error) {
            reject(error)
          }
        })
        sent.end()
      }),
  }
}
