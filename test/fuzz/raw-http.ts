import { connect } from 'node:net'
import { seededRandom } from './random.js'
import { type Conversation, randomConversation } from './raw-conversation.js'
import type { Target } from './raw-request.js'

export interface RawHttpOptions {
  readonly port: number
  readonly targets: readonly Target[]
  readonly seed: number
  /** How many connections to make. */
  readonly runs: number
  /** How many are open at once. Default 200. */
  readonly concurrency?: number
  /** Asked before each connection: whether to make no more. */
  isOver?(): boolean
}

export interface RawHttpCounts {
  /** How many connections were made. */
  connections: number
  /** How many could not be made. */
  unconnected: number
  /** How many had to be given up, because the server kept them open without a word. */
  abandoned: number
  /** How many answers of each status came back. */
  readonly statuses: Record<string, number>
}

/**
 * Makes raw HTTP connections to a server on this machine: requests in every framing, cut into pieces of any size, pipelined,
 * half closed and reset at any moment, beside garbage. Connection number `n` depends on the seed and on `n` alone.
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

/** Milliseconds that a client waits for its responses before it gives up. */
const TIMEOUT_MS = 2_000

function converse(
  { port, targets, seed }: RawHttpOptions,
  index: number,
  counts: RawHttpCounts,
): Promise<void> {
  const random = seededRandom(seed, index)
  const conversation = randomConversation(random, targets)
  return new Promise((resolve) => {
    // Addresses enough that the ports of closed connections are not missed.
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
    let answers = 0
    socket.on('connect', () => {
      connected = true
      counts.connections++
      send(conversation, socket)
    })
    socket.on('data', (data) => {
      const text = rest + data.toString('latin1')
      for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        counts.statuses[status] = (counts.statuses[status] ?? 0) + 1
        if (status !== '100') answers++
      }
      // A status line may come in two pieces; these are too few bytes for a whole one.
      rest = text.slice(-12)
      const { ending, requests } = conversation
      if (ending === 'reset on an answer' || answers >= requests) socket.resetAndDestroy()
      else if (ending === 'close on an answer') socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', finish)
  })
}

function send({ pieces, ending }: Conversation, socket: ReturnType<typeof connect>): void {
  let piece = 0
  const sendNext = () => {
    // Some pieces share a turn of the event loop, and so a packet.
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
