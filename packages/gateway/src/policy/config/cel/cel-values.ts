import { MalformedRequestError } from 'sluice'
import { foldCase } from '../../body/fold-case.js'
import { Parameters } from '../../body/url-parameters.js'

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
      if (Array.isArray(json)) return new CelList(json)
      return new CelMap(json instanceof Parameters ? json : (INDEXED.get(json) ?? new JsonMembers(json)))
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

/** A map of JSON values, or of parameters. Names that every object has are not in it. */
export class CelMap {
  readonly #members: Members

  constructor(members: object) {
    this.#members = isMembers(members) ? members : new ObjectMembers(members)
  }

  get size(): number {
    return this.#members.names().length
  }

  get(name: unknown): CelValue | undefined {
    const value = typeof name === 'string' ? this.#members.get(name) : undefined
    return value === undefined ? undefined : celValue(value)
  }

  has(name: unknown): boolean {
    return this.get(name) !== undefined
  }

  keys(): readonly string[] {
    const names = this.#members.names()
    checkCount(names.length)
    return names
  }

  entries(): Iterator<never> {
    return [].values()
  }

  *[Symbol.iterator](): Generator<[string, CelValue | undefined]> {
    for (const name of this.keys()) yield [name, this.get(name)]
  }
}

function isMembers(value: object): value is Members {
  return value instanceof Parameters || value instanceof ObjectMembers
}

/** Where the members of a map are found. */
interface Members {
  get(name: string): unknown
  names(): readonly string[]
}

/** What an object has of its own. */
class ObjectMembers implements Members {
  readonly object: object
  #names: readonly string[] | undefined

  constructor(object: object) {
    this.object = object
  }

  get(name: string): unknown {
    return Object.hasOwn(this.object, name) ? (this.object as Record<string, unknown>)[name] : undefined
  }

  names(): readonly string[] {
    this.#names ??= Object.keys(this.object)
    return this.#names
  }
}

/**
 * What a JSON object has. Servers in Go and .NET take `"N"` for `"n"`, the last of them or either, so a member that is there in
 * another case cannot be read.
 */
class JsonMembers extends ObjectMembers {
  /** By their names in one case: the only member of it, or undefined where there are several. */
  #byFoldedName: Map<string, string | undefined> | undefined

  override get(name: string): unknown {
    this.#byFoldedName ??= this.#indexed()
    const folded = foldCase(name)
    if (this.#byFoldedName.has(folded) && this.#byFoldedName.get(folded) !== name)
      throw new MalformedRequestError(
        `a member of the request body is written in another case; write '${name}'`,
      )
    return super.get(name)
  }

  #indexed(): Map<string, string | undefined> {
    const index = new Map<string, string | undefined>()
    for (const name of this.names()) {
      const folded = foldCase(name)
      index.set(folded, index.has(folded) ? undefined : name)
    }
    if (index.size > FEW_MEMBERS) INDEXED.set(this.object, this)
    return index
  }
}

/** Objects with more members than this keep their index as long as they live: an expression may read them many times. */
const FEW_MEMBERS = 16

const INDEXED = new WeakMap<object, JsonMembers>()

function checkCount(count: number): void {
  if (count > MAX_ELEMENTS) throw new TooManyElementsError()
}

impersonate(CelList, Set)
impersonate(CelMap, Map)

/** All that is used of the known class is defined above, so that nothing of it is ever run. */
function impersonate(own: { readonly prototype: object }, known: { readonly prototype: object }): void {
  Object.setPrototypeOf(own.prototype, known.prototype)
  Object.defineProperty(own.prototype, 'constructor', { value: known })
}
