import type { Random } from './random.js'
import type { Target } from './raw-request.js'
import { garbage, randomRequest } from './raw-request.js'

/** What a connection does. */
export interface Conversation {
  /** What it sends, in pieces that are written one after the other. */
  readonly pieces: readonly Piece[]
  readonly ending: Ending
  /** How many answers to wait for before it ends. */
  readonly requests: number
}

interface Piece {
  readonly bytes: Buffer
  /** Whether the next piece waits for another turn of the event loop. */
  readonly isFlushed: boolean
}

/** `wait`: until all is answered, or the server closes. */
type Ending =
  | 'wait'
  | 'half close'
  | 'close'
  | 'reset'
  | 'reset when sent'
  | 'close on an answer'
  | 'reset on an answer'

const ENDINGS: readonly Ending[] = [
  'wait',
  'wait',
  'wait',
  'half close',
  'close',
  'reset',
  'reset when sent',
  'close on an answer',
  'reset on an answer',
]

/** Makes up what a connection does. */
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
  // Cut off at any byte.
  if (random.chance(0.2)) {
    text = text.slice(0, random.below(text.length + 1))
    isWhole = false
  }
  return {
    pieces: cut(random, Buffer.from(text, 'latin1')),
    // Nobody answers what is not whole: who waited would do so for as long as the server does.
    ending: !isWhole && isPatient(ending) ? random.pick(['half close', 'reset', 'reset when sent']) : ending,
    requests: count,
  }
}

function isPatient(ending: Ending): boolean {
  return ending === 'wait' || ending === 'close on an answer' || ending === 'reset on an answer'
}

/** Cuts bytes into pieces, from single ones to all at once. */
function cut(random: Random, bytes: Buffer): Piece[] {
  const sizes = random.pick([[bytes.length], [1, 2, 3], [1, 7, 40, 400], [100, 1000, 10_000]])
  // Pieces of a byte each are for the beginning; the whole of a long text would take as many turns as it has bytes.
  const most = 200
  const pieces: Piece[] = []
  let at = 0
  while (at < bytes.length) {
    const size = pieces.length >= most ? bytes.length - at : Math.max(1, random.pick(sizes))
    pieces.push({ bytes: bytes.subarray(at, at + size), isFlushed: random.chance(0.3) })
    at += size
  }
  return pieces
}
