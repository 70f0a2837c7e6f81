import { MalformedRequestError, RequestError } from 'sluice'
import { foldCase } from './fold-case.js'
import { UnreadableBodyError } from './unreadable-body.js'

/** A part of a form. */
export interface Part {
  readonly name: string
  /** True if it has a file name. */
  readonly isFile: boolean
  readonly bytes: Buffer
  /** The index of its headers in the body, and that after its bytes. */
  readonly start: number
  readonly end: number
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** A name, which may be marked as a list, as in `image[]`. */
const NAME = /^([A-Za-z_][\w-]*)(\[\])?$/

/** The fields and files of a multipart body. */
export class MultipartForm {
  readonly #parts: ReadonlyMap<string, readonly Part[]>

  /** @throws MalformedRequestError for names that servers interpret differently */
  constructor(parts: readonly Part[]) {
    const byName = new Map<string, Part[]>()
    const spellings = new Map<string, string>()
    for (const part of parts) {
      const [, plain, list] = NAME.exec(part.name) ?? []
      if (plain === undefined)
        throw new MalformedRequestError(
          `the field '${part.name.slice(0, 40)}' has a name that servers interpret differently`,
        )
      const folded = foldCase(plain)
      const first = spellings.get(folded)
      if (first !== undefined && (first !== part.name || list === undefined))
        throw new MalformedRequestError(`the field '${plain}' was sent more than once`)
      spellings.set(folded, part.name)
      byName.set(plain, [...(byName.get(plain) ?? []), part])
    }
    this.#parts = byName
  }

  /**
   * Returns the text of a field; undefined if it is missing.
   *
   * @throws RequestError if it is a file or a list, or in another letter case
   */
  text(name: string): string | undefined {
    const [part, second] = this.#find(name)
    if (part === undefined) return undefined
    if (part.isFile || second !== undefined || part.name !== name)
      throw new RequestError(`the field '${name}' must be a single text`)
    try {
      return UTF8.decode(part.bytes)
    } catch {
      throw new UnreadableBodyError(`the field '${name}' is not valid UTF-8`)
    }
  }

  /** Returns the form with another text of a field that is a single text. */
  withText(name: string, text: string): MultipartForm {
    const replaced = (part: Part): Part => (part.name === name ? { ...part, bytes: Buffer.from(text) } : part)
    return new MultipartForm([...this.#parts.values()].flat().map(replaced))
  }

  /** Returns the place of a field that is a single text; undefined if it is missing. */
  placeOf(name: string): Pick<Part, 'start' | 'end'> | undefined {
    return this.#find(name)[0]
  }

  /** Returns the files of a field; empty if there are none. */
  files(name: string): readonly Buffer[] {
    return this.#find(name).map(({ bytes }) => bytes)
  }

  #find(name: string): readonly Part[] {
    for (const other of this.#parts.keys())
      if (other !== name && foldCase(other) === name)
        throw new RequestError(`the field '${other}' must be written '${name}'`)
    return this.#parts.get(name) ?? []
  }
}
