import { storeKeysOf } from './redis-key.js'

/** Keys of one text that lie side by side, one for each of these scopes, which are all different. */
interface Block {
  readonly scopes: readonly string[]
  readonly first: number
  /** Another block of the same text. */
  readonly next: Block | undefined
}

/** The keys of one call, each once. What the rules of a request have to one client is mostly found together. */
export class CallKeys {
  /** As the server has them. */
  readonly texts: string[] = []
  /** How many characters they have. */
  length = 0
  readonly #blocks = new Map<string, Block>()
  readonly #textOf = new Map<string, (key: string) => string>()

  constructor(private readonly prefix: string) {}

  /** The place, from 1, of a key of a scope. */
  placeOf(scope: string, key: string): number {
    const block = this.#blocks.get(key)
    for (let each = block; each !== undefined; each = each.next) {
      const index = each.scopes.indexOf(scope)
      if (index >= 0) return each.first + index
    }
    return this.#add([scope], key, block)
  }

  /** The place of the first of the keys of these scopes, if they lie side by side in this order; else 0. */
  firstPlaceOf(scopes: readonly string[], key: string): number {
    const block = this.#blocks.get(key)
    if (block === undefined) return areDistinct(scopes) ? this.#add(scopes, key, undefined) : 0
    for (let each: Block | undefined = block; each !== undefined; each = each.next)
      if (each.scopes === scopes) return each.first
    return 0
  }

  #add(scopes: readonly string[], key: string, next: Block | undefined): number {
    const first = this.texts.length + 1
    for (const scope of scopes) {
      const text = this.#textIn(scope)(key)
      this.length += text.length
      this.texts.push(text)
    }
    this.#blocks.set(key, { scopes, first, next })
    return first
  }

  #textIn(scope: string): (key: string) => string {
    let textOf = this.#textOf.get(scope)
    if (textOf === undefined) {
      textOf = storeKeysOf(this.prefix, scope)
      this.#textOf.set(scope, textOf)
    }
    return textOf
  }
}

function areDistinct(texts: readonly string[]): boolean {
  return texts.every((text, index) => texts.indexOf(text) === index)
}
