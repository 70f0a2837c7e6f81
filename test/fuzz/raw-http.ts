import { connect } from 'node:net'
import { seededRandom } from './random.js'
import { type Conversation, randomConversation } from './raw-conversation.js'
import type { Target } from './raw-request.js'

export interface RawHttpOptions {
  readonly port: number
  readonly targets: readonly Target[]
  readonly seed: number
  /** Number of connections to make. */
  readonly runs: number
  /** Connections open at the same time. Default: 200. */
  readonly concurrency?: number
  /** Checked before each connection; true stops the load. */
  isOver?(): boolean
}

export interface RawHttpCounts {
  /** Connections made. */
  connections: number
  /** Connections that failed to open. */
  unconnected: number
  /** Connections abandoned because the server kept them open without a response. */
  abandoned: number
  /** Responses by status. */
  readonly statuses: Record<string, number>
}

/**
 * Makes raw HTTP connections to a local server: requests in every framing, cut into pieces of any
 * size, pipelined, half closed or reset at any time, and garbage. Connection `n` depends only on
 * the seed and `n`.
 */
export async function runRawHttp(options: RawHttpOptions): Promise<RawHttpCounts> {
  const counts: RawHttpCounts = { connections: 0, unconnected: 0, abandoned: 0, statuses: {} }
  let next = 0
  const isOver = () => next >= options.runs || options.isOver?.() === true
  const work = async () => {
    while (!isOver()) await converse(options, next++, counts)
  }
  await Promise.all(Array.from({ length: options.concurrency ?? 200 }, work))
  return counts
}

/** Time that a client waits for responses before it abandons the connection. */
const TIMEOUT_MS = 2_000

function converse(
  { port, targets, seed }: RawHttpOptions,
  index: number,
  counts: RawHttpCounts,
): Promise<void> {
  const random = seededRandom(seed, index)
  const conversation = randomConversation(random, targets)
  return new Promise((resolve) => {
    // Uses several addresses, so that closed connections do not exhaust the ports.
    const localAddress = `127.0.0.${1 + random.below(200)}`
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    let connected = false
    const finish = () => {
      clearTimeout(timeout)
      if (!connected) counts.unconnected++
      resolve()
    }
    const timeout = setTimeout(() => {
      counts.abandoned++
      // Node does not always report the close of a socket that was reset.
      socket.off('close', finish)
      socket.destroy()
      finish()
    }, TIMEOUT_MS)
    let rest = ''
    let responses = 0
    socket.on('connect', () => {
      connected = true
      counts.connections++
      send(conversation, socket)
    })
    socket.on('data', (data) => {
      const text = rest + data.toString('latin1')
      for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        counts.statuses[status] = (counts.statuses[status] ?? 0) + 1
        if (status !== '100') responses++
      }
      // Keeps the bytes of a status line that may arrive in two pieces.
      rest = text.slice(-12)
      const { ending, requests } = conversation
      if (ending === 'reset on a response' || responses >= requests) socket.resetAndDestroy()
      else if (ending === 'close on a response') socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', finish)
  })
}

function send({ pieces, ending }: Conversation, socket: ReturnType<typeof connect>): void {
  let piece = 0
  const sendNext = () => {
    // Some pieces share a turn of the event loop and thus a packet.
    const together = Math.min(pieces.length, piece + 8)
    while (piece < together) {
      const { bytes, isFlushed } = pieces[piece++] as Conversation['pieces'][number]
      socket.write(bytes)
      if (isFlushed) break
    }
    if (piece < pieces.length) setImmediate(() => socket.writable && sendNext())
    else if (ending === 'half close') socket.end()
    else if (ending === 'close') socket.destroy()
    else if (ending === 'reset') socket.resetAndDestroy()
    else if (ending === 'reset when sent') socket.write('', () => socket.resetAndDestroy())
  }
  sendNext()
}
