import type { Random } from './random.js'
import type { Target } from './raw-request.js'
import { garbage, randomRequest } from './raw-request.js'

/** Script of a connection. */
export interface Conversation {
  /** Pieces to send in sequence. */
  readonly pieces: readonly Piece[]
  readonly ending: Ending
  /** Responses to wait for before the end. */
  readonly requests: number
}

interface Piece {
  readonly bytes: Buffer
  /** True if the next piece is sent in a later turn of the event loop. */
  readonly isFlushed: boolean
}

/** The end of a connection. `wait` waits for all responses or for the server to close. */
type Ending =
  | 'wait'
  | 'half close'
  | 'close'
  | 'reset'
  | 'reset when sent'
  | 'close on a response'
  | 'reset on a response'

const ENDINGS: readonly Ending[] = [
  'wait',
  'wait',
  'wait',
  'half close',
  'close',
  'reset',
  'reset when sent',
  'close on a response',
  'reset on a response',
]

/** Generates the script of a connection. */
export function randomConversation(random: Random, targets: readonly Target[]): Conversation {
  const ending = random.pick(ENDINGS)
  const count = random.chance(0.3) ? 1 + random.below(8) : 1
  const messages: string[] = []
  let isWhole = true
  for (let request = 0; request < count; request++) {
    const { text, isComplete } = random.chance(0.05)
      ? { text: garbage(random), isComplete: false }
      : randomRequest(random, random.pick(targets))
    messages.push(text)
    isWhole &&= isComplete
  }
  let text = messages.join('')
  // Truncates the text at a random byte.
  if (random.chance(0.2)) {
    text = text.slice(0, random.below(text.length + 1))
    isWhole = false
  }
  return {
    pieces: cut(random, Buffer.from(text, 'latin1')),
    // An incomplete request gets no response until the server times out.
    ending:
      !isWhole && waitsForResponse(ending) ? random.pick(['half close', 'reset', 'reset when sent']) : ending,
    requests: count,
  }
}

function waitsForResponse(ending: Ending): boolean {
  return ending === 'wait' || ending === 'close on a response' || ending === 'reset on a response'
}

/** Cuts bytes into pieces of random sizes, from a single byte to all of them. */
function cut(random: Random, bytes: Buffer): Piece[] {
  const sizes = random.pick([[bytes.length], [1, 2, 3], [1, 7, 40, 400], [100, 1000, 10_000]])
  // Only the beginning is cut into small pieces. In a long string, each byte would take a turn of
  // the event loop.
  const maxPieces = 200
  const pieces: Piece[] = []
  let at = 0
  while (at < bytes.length) {
    const size = pieces.length >= maxPieces ? bytes.length - at : Math.max(1, random.pick(sizes))
    pieces.push({ bytes: bytes.subarray(at, at + size), isFlushed: random.chance(0.3) })
    at += size
  }
  return pieces
}
