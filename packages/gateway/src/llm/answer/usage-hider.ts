import { isUsageEvent } from '../shapes/openai-fields.js'
import { EventBlocks } from './event-blocks.js'
import { EventData, parseData } from './event-data.js'

/** The longest event that may be the usage, in bytes: it has but a few numbers. */
const MAX_USAGE_EVENT = 64 * 1024

const NOTHING = Buffer.alloc(0)

/**
 * Takes the usage that the gateway asked for out of an event stream: the event that has no choices, and the usage. All
 * other bytes come out as they went in, an event at a time. Holds one event of at most `MAX_USAGE_EVENT` bytes; a longer one
 * goes on as it comes.
 */
export class UsageHider {
  readonly #blocks = new EventBlocks(MAX_USAGE_EVENT)
  readonly #data = new EventData()

  /** @returns what is to be sent on now; nothing where an event is not complete yet */
  push(chunk: Buffer): Buffer {
    const kept: Buffer[] = []
    this.#blocks.push(chunk, ({ bytes, whole }) => {
      if (!whole || !this.#isUsage(bytes)) kept.push(bytes)
    })
    return kept.length === 1 ? (kept[0] ?? NOTHING) : Buffer.concat(kept)
  }

  /** @returns what is left to be sent on at the end of the stream */
  end(): Buffer {
    const rest = this.#blocks.rest()
    return this.#isUsage(rest) ? NOTHING : rest
  }

  #isUsage(block: Buffer): boolean {
    const data = this.#data.of(block)
    return data !== undefined && isUsageEvent(parseData(data))
  }
}
