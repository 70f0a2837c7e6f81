import type { ItemReading } from '../shapes/shape.js'

/** The most items of one answer that are told apart; those beyond count as the last. */
const MAX_ITEMS = 1024

/** What is known of the text of one item, in UTF-16 units. */
interface Item {
  /** Counted so far. */
  counted: number
  /** What the events of each level that repeat text have said together. */
  readonly repeated: Map<string, number>
}

/**
 * Finds the new text in the events of a stream that say the same several times: in deltas, again at the end of a text, of its part
 * and of the whole item. Some servers leave the deltas out.
 */
export class ItemTexts {
  readonly #items = new Map<number, Item>()

  /** @returns what no event has said before */
  newIn({ index, level }: ItemReading, texts: readonly string[]): readonly string[] {
    const item = this.#itemAt(Math.min(index, MAX_ITEMS - 1))
    const text = texts.join('')
    if (level === 'delta') {
      item.counted += text.length
      return texts
    }
    const repeated = (item.repeated.get(level) ?? 0) + text.length
    item.repeated.set(level, repeated)
    const added = repeated - item.counted
    if (added <= 0) return []
    item.counted = repeated
    return [text.slice(-added)]
  }

  #itemAt(index: number): Item {
    let item = this.#items.get(index)
    if (item === undefined) {
      item = { counted: 0, repeated: new Map() }
      this.#items.set(index, item)
    }
    return item
  }
}
