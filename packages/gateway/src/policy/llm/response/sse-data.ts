import { createParser } from 'eventsource-parser'
import { jsonMemory } from '../../body/json-memory.js'

/** Reads the data of the events of one stream. */
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

  /** The name of the last event with data, if it has one. */
  get name(): string | undefined {
    return this.#name
  }

  /**
   * Returns the data of an event.
   *
   * @param block the lines of the event; the final blank line may be missing
   * @returns undefined if there is no data, for example in a comment
   */
  of(block: Buffer): string | undefined {
    let text = block.toString('utf8')
    if (this.#isFirst && text.startsWith('\uFEFF')) text = text.slice(1)
    this.#isFirst = false
    this.#data = undefined
    this.#name = undefined
    // With uniform line endings and a final blank line, the parser buffers nothing for the next
    // call.
    this.#parser.feed(`${text.replaceAll(/\r\n?/g, '\n')}\n\n`)
    return this.#data
  }
}

/** Maximum memory for the parsed values of an event or a document, in bytes. */
const MAX_PARSED = 128 * 1024 * 1024

/** Maximum length of data that always needs less memory, in characters. */
const MAX_UNCHECKED_LENGTH = 1024 * 1024

/**
 * Parses the data of an event as JSON. Returns undefined if it is not JSON or has too many values.
 * Python servers write `NaN` and `Infinity`, which are not JSON but are accepted by Python clients.
 * They are read as null. Otherwise, a client could request such numbers to hide the usage.
 */
export function parseData(data: string): unknown {
  if (data.length > MAX_UNCHECKED_LENGTH && jsonMemory(Buffer.from(data)) > MAX_PARSED) return undefined
  const value = parseJson(data)
  const plain = value === undefined ? withoutNaN(data) : undefined
  return plain === undefined ? value : parseJson(plain)
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/**
 * Replaces `NaN` and `Infinity` outside strings with null. Returns undefined if there are none.
 * Takes linear time.
 */
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

/** The data of the last event of OpenAI's streams. */
export const DONE = '[DONE]'
