/**
 * JSON as the expressions see it: whole numbers as ints, other numbers as doubles, and what is in a list or a map made
 * ready only when it is asked for, so that `size(body.instances)` costs nothing for each instance.
 *
 * The classes pass for Set and Map, which the evaluator knows as a list and a map. Each has an empty `values` or `entries`:
 * the evaluator looks there for the type of the first element, of the first element's first element, and so on, and keeps
 * every type that it has met for ever. A client could fill the memory with lists of lists of maps.
 */

/** Most elements that an expression goes through; how many there are, it can be asked of any list. */
export const MAX_ELEMENTS = 10_000

/** A loop over more than `MAX_ELEMENTS`. */
export class TooManyElementsError extends Error {
  override readonly name = 'TooManyElementsError'
}

/** What an expression gives or is given. */
type CelValue = string | number | bigint | boolean | null | CelList | CelMap

/** Makes a value that was read from JSON ready for an expression. */
export function celValue(json: unknown): CelValue {
  switch (typeof json) {
    case 'number':
      return Number.isSafeInteger(json) ? BigInt(json) : json
    case 'object':
      if (json === null) return null
      return Array.isArray(json) ? new CelList(json) : new CelMap(json)
    case 'string':
    case 'boolean':
      return json
    default:
      return null
  }
}

/** A list of JSON values. */
class CelList {
  readonly #items: readonly unknown[]

  constructor(items: readonly unknown[]) {
    this.#items = items
  }

  get size(): number {
    return this.#items.length
  }

  *[Symbol.iterator](): Generator<CelValue> {
    checkCount(this.#items.length)
    for (const item of this.#items) yield celValue(item)
  }

  values(): Iterator<never> {
    return [].values()
  }

  /** Asked as a short cut only; the evaluator goes on to compare. */
  has(): boolean {
    return false
  }
}

/** A map of JSON values. Names that every object has are not in it. */
export class CelMap {
  readonly #members: object
  #names: readonly string[] | undefined

  constructor(members: object) {
    this.#members = members
  }

  get size(): number {
    this.#names ??= Object.keys(this.#members)
    return this.#names.length
  }

  get(name: unknown): CelValue | undefined {
    if (typeof name !== 'string' || !Object.hasOwn(this.#members, name)) return undefined
    return celValue((this.#members as Record<string, unknown>)[name])
  }

  has(name: unknown): boolean {
    return typeof name === 'string' && Object.hasOwn(this.#members, name)
  }

  keys(): readonly string[] {
    checkCount(this.size)
    return this.#names ?? []
  }

  entries(): Iterator<never> {
    return [].values()
  }

  *[Symbol.iterator](): Generator<[string, CelValue | undefined]> {
    for (const name of this.keys()) yield [name, this.get(name)]
  }
}

function checkCount(count: number): void {
  if (count > MAX_ELEMENTS) throw new TooManyElementsError()
}

passFor(CelList, Set)
passFor(CelMap, Map)

/** All that is used of the known class is defined above, so that nothing of it is ever run. */
function passFor(own: { readonly prototype: object }, known: { readonly prototype: object }): void {
  Object.setPrototypeOf(own.prototype, known.prototype)
  Object.defineProperty(own.prototype, 'constructor', { value: known })
}
