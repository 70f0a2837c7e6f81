/**
 * The member names of an object, in order. The layouts of a body form a tree, as in the parser:
 * objects with the same names in the same order share a layout, and no layout has a name twice.
 */
export class ObjectLayout {
  readonly #parent: ObjectLayout | undefined
  readonly #name: string
  /** The only layout that extends this one, or all of them by the name they add. */
  #next: ObjectLayout | Map<string, ObjectLayout> | undefined
  /** The number of names. */
  readonly size: number

  /** Creates the layout of an empty object, or that of `parent` with one more name. */
  constructor(parent?: ObjectLayout, name = '') {
    this.#parent = parent
    this.#name = name
    this.size = parent === undefined ? 0 : parent.size + 1
  }

  /** The layout with one more name, if an earlier object had it. */
  following(name: string): ObjectLayout | undefined {
    const next = this.#next
    if (next instanceof Map) return next.get(name)
    return next !== undefined && next.#name === name ? next : undefined
  }

  /** @param name a name that is neither in the layout nor in one that extends it */
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

  /** The names, last first. */
  *names(): Generator<string> {
    for (let layout: ObjectLayout = this; layout.#parent !== undefined; layout = layout.#parent)
      yield layout.#name
  }
}
