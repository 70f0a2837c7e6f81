import { createParser } from 'eventsource-parser'

/** Reads the data of events of one event stream. */
export class EventData {
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

/** The data of an event as JSON; undefined where it is none. */
export function parseData(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}

/** The data with which OpenAI's streams end. */
export const DONE = '[DONE]'
