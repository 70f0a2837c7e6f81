import { isPenaltyScope } from '../store.js'
import { penaltyKeysOf, storeKeysOf } from './redis-key.js'

/** Adjacent Redis keys for one key, one per scope. The scopes are distinct. */
interface Block {
  readonly scopes: readonly string[]
  readonly first: number
  /** The next block of the same key. */
  readonly next: Block | undefined
}

/** The distinct keys of one call. The keys of one request's rules usually form a block. */
export class CallKeys {
  /** The Redis keys. */
  readonly names: string[] = []
  /** Total length of the keys in characters. */
  length = 0
  readonly #blocks = new Map<string, Block>()
  readonly #namers = new Map<string, (key: string) => string>()

  /** @param slot the slot of all keys, or 0 outside a cluster */
  constructor(
    private readonly prefix: string,
    private readonly slot: number,
  ) {}

  /** Returns the 1-based position of a key of a scope, and adds the key if it is new. */
  positionOf(scope: string, key: string): number {
    const block = this.#blocks.get(key)
    for (let each = block; each !== undefined; each = each.next) {
      const index = each.scopes.indexOf(scope)
      if (index >= 0) return each.first + index
    }
    return this.#add([scope], key, block)
  }

  /**
   * Returns the position of the first key if the keys of these scopes are adjacent in this order,
   * else 0. `scopes` is compared by identity.
   */
  firstPositionOf(scopes: readonly string[], key: string): number {
    const block = this.#blocks.get(key)
    if (block === undefined) return areDistinct(scopes) ? this.#add(scopes, key, undefined) : 0
    for (let each: Block | undefined = block; each !== undefined; each = each.next)
      if (each.scopes === scopes) return each.first
    return 0
  }

  #add(scopes: readonly string[], key: string, next: Block | undefined): number {
    const first = this.names.length + 1
    for (const scope of scopes) {
      const name = this.#namerOf(scope)(key)
      this.length += name.length
      this.names.push(name)
    }
    this.#blocks.set(key, { scopes, first, next })
    return first
  }

  #namerOf(scope: string): (key: string) => string {
    let namer = this.#namers.get(scope)
    if (namer === undefined) {
      namer = isPenaltyScope(scope)
        ? penaltyKeysOf(this.prefix, scope, this.slot)
        : storeKeysOf(this.prefix, scope)
      this.#namers.set(scope, namer)
    }
    return namer
  }
}

function areDistinct(scopes: readonly string[]): boolean {
  return scopes.every((scope, index) => scopes.indexOf(scope) === index)
}
