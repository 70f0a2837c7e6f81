/**
 * The names of an object's members in their order. The layouts of a body form a tree, as they do in the parser: objects with the
 * same names in the same order share one, so that no name is in a layout twice.
 */
export class ObjectLayout {
  readonly #parent: ObjectLayout | undefined
  readonly #name: string
  /** The only layout that goes on from here, or all of them by the names that they add. */
  #next: ObjectLayout | Map<string, ObjectLayout> | undefined
  /** How many names it has. */
  readonly size: number

  /** Makes the layout of an object without members, or that of `parent` with one more. */
  constructor(parent?: ObjectLayout, name = '') {
    this.#parent = parent
    this.#name = name
    this.size = parent === undefined ? 0 : parent.size + 1
  }

  /** The layout with one name more, where an object has had it. */
  following(name: string): ObjectLayout | undefined {
    const next = this.#next
    if (next instanceof Map) return next.get(name)
    return next !== undefined && next.#name === name ? next : undefined
  }

  /** @param name one that is not in the layout and that none goes on with */
  add(name: string): ObjectLayout {
    const added = new ObjectLayout(this, name)
    if (this.#next === undefined) this.#next = added
    else if (this.#next instanceof Map) this.#next.set(name, added)
    else
      this.#next = new Map([
        [this.#next.#name, this.#next],
        [name, added],
      ])
    return added
  }

  /** The names, the last one first. */
  *names(): Generator<string> {
    for (let layout: ObjectLayout = this; layout.#parent !== undefined; layout = layout.#parent)
      yield layout.#name
  }
}
