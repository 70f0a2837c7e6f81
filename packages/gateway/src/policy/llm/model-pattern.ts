/** A model's name, or a pattern such as `llama-*`, in which `*` stands for any characters. */
export class ModelPattern {
  readonly #first: string
  readonly #middle: readonly string[]
  /** The end of the pattern; undefined for a name. */
  readonly #last: string | undefined

  constructor(readonly source: string) {
    const [first = '', ...rest] = source.split('*')
    this.#first = first
    this.#last = rest.pop()
    this.#middle = rest
  }

  /** Reports whether this is the name of one model. */
  get isName(): boolean {
    return this.#last === undefined
  }

  /** Takes time linear in the length of the name for each part of the pattern. */
  matches(model: string): boolean {
    const last = this.#last
    if (last === undefined) return model === this.source
    if (model.length < this.#first.length + last.length) return false
    if (!model.startsWith(this.#first) || !model.endsWith(last)) return false
    const end = model.length - last.length
    let from = this.#first.length
    for (const part of this.#middle) {
      const at = model.indexOf(part, from)
      if (at === -1 || at + part.length > end) return false
      from = at + part.length
    }
    return true
  }
}
