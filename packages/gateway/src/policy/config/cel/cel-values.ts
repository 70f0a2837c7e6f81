import { type Client, MalformedRequestError } from 'sluice'
import { foldCase } from '../../body/fold-case.js'
import { Parameters } from '../../body/url-parameters.js'

/** Maximum number of elements that a loop can visit. `size` works for lists of any length. */
export const MAX_ELEMENTS = 10_000

/** Thrown by a loop over more than `MAX_ELEMENTS` elements. */
export class TooManyElementsError extends Error {
  override readonly name = 'TooManyElementsError'
}

/** A value that an expression reads or returns. */
type CelValue = string | number | bigint | boolean | null | CelList | CelMap

/**
 * Converts a JSON value for an expression: whole numbers to ints, other numbers to doubles. The
 * elements of lists and maps are converted when they are read, so `size(body.instances)` takes
 * constant time.
 */
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

/**
 * A list of JSON values. It impersonates a Set, which the evaluator treats as a list.
 *
 * `values` is empty on purpose, as is `entries` of CelMap. The evaluator infers element types from
 * these methods, recursively, and caches every type. A client could otherwise fill the cache with
 * ever deeper lists of lists and maps.
 */
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

  /** Always false. The evaluator calls it only as a shortcut before comparing the elements. */
  has(): boolean {
    return false
  }
}

/** A map of JSON values or parameters, without inherited properties. It impersonates a Map. */
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
  return value instanceof Parameters || value instanceof ObjectMembers || value instanceof ClientMembers
}

/** The source of a map's members. */
interface Members {
  get(name: string): unknown
  names(): readonly string[]
}

/** The own properties of an object. */
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

/** The members of a client. Members that it does not have are empty strings. */
export class ClientMembers implements Members {
  readonly #client: Client | undefined

  /** @param client undefined if anonymous */
  constructor(client: Client | undefined) {
    this.#client = client
  }

  get(name: string): unknown {
    const { id = '', tier = '', labels = {} } = this.#client ?? {}
    if (name === 'id') return id
    if (name === 'tier') return tier
    return Object.hasOwn(labels, name) ? labels[name] : ''
  }

  names(): readonly string[] {
    return ['id', 'tier', ...Object.keys(this.#client?.labels ?? {})]
  }
}

/**
 * The members of a JSON object. Servers in Go and .NET accept `"N"` for `"n"`, and differ in which
 * one they use if both are present. So reading a member fails if the object has the same name in
 * another case.
 */
class JsonMembers extends ObjectMembers {
  /** By case-folded name: the only member with that name, or undefined if there are several. */
  #byFoldedName: Map<string, string | undefined> | undefined

  override get(name: string): unknown {
    this.#byFoldedName ??= this.#buildIndex()
    const folded = foldCase(name)
    if (this.#byFoldedName.has(folded) && this.#byFoldedName.get(folded) !== name)
      throw new MalformedRequestError(
        `the request body has a member that differs from '${name}' only in case; write '${name}'`,
      )
    return super.get(name)
  }

  #buildIndex(): Map<string, string | undefined> {
    const index = new Map<string, string | undefined>()
    for (const name of this.names()) {
      const folded = foldCase(name)
      index.set(folded, index.has(folded) ? undefined : name)
    }
    if (index.size > MAX_UNCACHED_MEMBERS) INDEXED.set(this.object, this)
    return index
  }
}

/**
 * Maximum number of members of an object whose index is not cached. Expressions may read a larger
 * object many times.
 */
const MAX_UNCACHED_MEMBERS = 16

/** The indexes of large objects. */
const INDEXED = new WeakMap<object, JsonMembers>()

function checkCount(count: number): void {
  if (count > MAX_ELEMENTS) throw new TooManyElementsError()
}

impersonate(CelList, Set)
impersonate(CelMap, Map)

/**
 * Makes a class look like a built-in class to `instanceof` and `constructor`. The class defines
 * every method that the evaluator calls, so no built-in method ever runs on it.
 */
function impersonate(own: { readonly prototype: object }, builtIn: { readonly prototype: object }): void {
  Object.setPrototypeOf(own.prototype, builtIn.prototype)
  Object.defineProperty(own.prototype, 'constructor', { value: builtIn })
}
