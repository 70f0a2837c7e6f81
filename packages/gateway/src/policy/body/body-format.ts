import { parseMediaType } from './media-type.js'
import { UnreadableBodyError } from './unreadable-body.js'

/** The format of a body: form fields or JSON. */
export type BodyFormat = 'form' | 'json'

/** The headers that describe a body, with all values that were sent. */
export interface BodyHeaders {
  readonly contentTypes: readonly string[]
  readonly contentEncodings: readonly string[]
}

const FORM = 'application/x-www-form-urlencoded'

/** `application/*+json` matches all types that end in `+json`. */
const ANY_JSON = 'application/*+json'

/**
 * The media types of bodies that rules can read. The upstream might parse a body of another type
 * differently, and do more work than was charged.
 */
export class BodyTypes {
  readonly #types: ReadonlySet<string>

  /** @param types in lower case */
  constructor(types: readonly string[]) {
    this.#types = new Set(types)
  }

  get list(): readonly string[] {
    return [...this.#types]
  }

  /**
   * Returns the format of a body.
   *
   * @throws UnreadableBodyError with status 415 for a body that rules cannot read
   */
  formatOf({ contentTypes, contentEncodings }: BodyHeaders): BodyFormat {
    const [text] = contentTypes
    if (text === undefined || contentTypes.length > 1) {
      const found = text === undefined ? 'no Content-Type' : 'more than one Content-Type'
      throw unsupported(`the request has ${found}; send ${this.list.join(' or ')}`)
    }
    const mediaType = parseMediaType(text)
    if (mediaType === undefined || !this.#allows(mediaType.type))
      throw unsupported(
        `a limit of this route reads the request body, which must be ${this.list.join(' or ')}`,
      )
    if (mediaType.charsets.length > 1 || !mediaType.charsets.every(isUtf8))
      throw unsupported('a limit of this route reads the request body, which must be in UTF-8')
    if (contentEncodings.length > 1 || !contentEncodings.every(isIdentity))
      throw unsupported(
        'a limit of this route reads the request body, which must not have a Content-Encoding',
      )
    return mediaType.type === FORM ? 'form' : 'json'
  }

  #allows(type: string): boolean {
    return this.#types.has(type) || (this.#types.has(ANY_JSON) && /^application\/.+\+json$/.test(type))
  }
}

/** The default: JSON only. */
export const JSON_ONLY = new BodyTypes(['application/json'])

function isUtf8(charset: string): boolean {
  return charset === 'utf-8' || charset === 'utf8'
}

function isIdentity(coding: string): boolean {
  return coding.trim().toLowerCase() === 'identity'
}

function unsupported(message: string): UnreadableBodyError {
  return new UnreadableBodyError(message, 415)
}
