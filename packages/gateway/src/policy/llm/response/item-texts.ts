import type { ItemReading } from '../shapes/shape.js'

/**
 * Maximum number of items that are distinguished per response. Further items count as the last one.
 */
const MAX_ITEMS = 1024

/** The length of the text of one item, in UTF-16 code units. */
interface Item {
  /** Length of the text counted so far. */
  counted: number
  /** Length of the text that the events of each level have repeated. */
  readonly repeated: Map<string, number>
}

/**
 * Finds the new text in a stream that repeats text: first in deltas, then at the end of the text,
 * of its part and of its item. Some servers omit the deltas.
 */
export class ItemTexts {
  readonly #items = new Map<number, Item>()

  /** Returns the text that no earlier event contained. */
  findNew({ index, level }: ItemReading, texts: readonly string[]): readonly string[] {
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
