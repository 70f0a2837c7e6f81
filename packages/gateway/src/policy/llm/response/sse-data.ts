import { createParser } from 'eventsource-parser'
import { jsonMemory } from '../../body/json-memory.js'

/** Reads the data of events of one event stream. */
export class SseData {
  #data: string | undefined
  #name: string | undefined
  #isFirst = true
  readonly #parser = createParser({
    onEvent: ({ data, event }) => {
      this.#data = data
      this.#name = event
    },
  })

  /** The name of the last event that had data, where it has one. */
  get name(): string | undefined {
    return this.#name
  }

  /**
   * @param block an event with its lines, complete but for the blank line at its end, which may be missing
   * @returns undefined where it has no data, as a comment has none
   */
  of(block: Buffer): string | undefined {
    let text = block.toString('utf8')
    if (this.#isFirst && text.startsWith('\uFEFF')) text = text.slice(1)
    this.#isFirst = false
    this.#data = undefined
    this.#name = undefined
    // With one kind of line end, and the end of the event, the parser keeps nothing for the next call.
    this.#parser.feed(`${text.replaceAll(/\r\n?/g, '\n')}\n\n`)
    return this.#data
  }
}

/** The most memory that the values of an event or a document may take, in bytes. */
const MAX_PARSED = 128 * 1024 * 1024

/** Data of fewer characters takes less, whatever is in it. */
const ALWAYS_SMALL = 1024 * 1024

/**
 * The data of an event as JSON; undefined where it is none. Servers in Python write `NaN` and `Infinity`, which are no JSON
 * and which their clients read: they count as null, or a client could ask for such numbers to hide what its answer cost.
 * Data of too many values is not read.
 */
export function parseData(data: string): unknown {
  if (data.length > ALWAYS_SMALL && jsonMemory(Buffer.from(data)) > MAX_PARSED) return undefined
  const value = parsed(data)
  const plain = value === undefined ? withoutNaN(data) : undefined
  return plain === undefined ? value : parsed(plain)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Puts null for each number that JSON does not have, outside of strings; undefined where there is none. Linear. */
function withoutNaN(json: string): string | undefined {
  const marks = /[\\"]|-?Infinity|NaN/g
  const pieces: string[] = []
  let start = 0
  let inString = false
  for (let mark = marks.exec(json); mark !== null; mark = marks.exec(json)) {
    const [found] = mark
    if (found === '\\') marks.lastIndex += 1
    else if (found === '"') inString = !inString
    else if (!inString) {
      pieces.push(json.slice(start, mark.index))
      start = marks.lastIndex
    }
  }
  return pieces.length === 0 ? undefined : [...pieces, json.slice(start)].join('null')
}

/** The data with which OpenAI's streams end. */
export const DONE = '[DONE]'
