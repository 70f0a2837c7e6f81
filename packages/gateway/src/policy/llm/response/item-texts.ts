import type { ItemReading } from '../shapes/shape.js'

/** The most items of one response that are distinguished. Items beyond count as the last. */
const MAX_ITEMS = 1024

/** The text of one item, in UTF-16 code units. */
interface Item {
  /** Counted so far. */
  counted: number
  /** The text of all events of each level that repeats text. */
  readonly repeated: Map<string, number>
}

/**
 * Finds new text in a stream that repeats it: in deltas, and again at the end of a text, of its
 * part and of the item. Some servers omit the deltas.
 */
export class ItemTexts {
  readonly #items = new Map<number, Item>()

  /** @returns the text that no earlier event had */
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
