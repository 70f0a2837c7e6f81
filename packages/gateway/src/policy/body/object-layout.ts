/**
 * The member names of an object, in order. As in the parser, the layouts of a body form a tree:
 * objects with the same names in the same order share a layout. No layout contains a name twice.
 */
export class ObjectLayout {
  readonly #parent: ObjectLayout | undefined
  readonly #name: string
  /** The layout that extends this one; if there are several, a map from the added name to each. */
  #next: ObjectLayout | Map<string, ObjectLayout> | undefined
  /** The number of names. */
  readonly size: number

  /** Creates the layout of an empty object, or that of `parent` with one more name. */
  constructor(parent?: ObjectLayout, name = '') {
    this.#parent = parent
    this.#name = name
    this.size = parent === undefined ? 0 : parent.size + 1
  }

  /** Returns the layout with one more name; undefined if no earlier object had it. */
  following(name: string): ObjectLayout | undefined {
    const next = this.#next
    if (next instanceof Map) return next.get(name)
    return next !== undefined && next.#name === name ? next : undefined
  }

  /**
   * Creates the layout with one more name.
   *
   * @param name a name that is neither in this layout nor in one that extends it
   */
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

  /** The names, in reverse order. */
  *names(): Generator<string> {
    for (let layout: ObjectLayout = this; layout.#parent !== undefined; layout = layout.#parent)
      yield layout.#name
  }
}
