import { parseMediaType } from './media-type.js'
import { UnreadableBodyError } from './unreadable-body.js'

/** How a body is read: a form's fields, or JSON. */
export type BodyFormat = 'form' | 'json'

/** The headers of a request that say what its body is: each value that was sent. */
export interface BodyHeaders {
  readonly contentTypes: readonly string[]
  readonly contentEncodings: readonly string[]
}

const FORM = 'application/x-www-form-urlencoded'

/** `application/*+json` stands for all types that end in `+json`. */
const ANY_JSON = 'application/*+json'

/**
 * The media types of which rules read bodies. A body of another type might be read in another way behind the gateway, and
 * so cost more than was charged for it.
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
   * How a body with these headers is read.
   *
   * @throws UnreadableBodyError, with status 415, for a body that rules do not read.
   */
  formatOf({ contentTypes, contentEncodings }: BodyHeaders): BodyFormat {
    const [text] = contentTypes
    const wanted = this.list.join(' or ')
    if (text === undefined || contentTypes.length > 1) {
      const found = text === undefined ? 'no Content-Type' : 'more than one Content-Type'
      throw unsupported(`the request has ${found}; send ${wanted}`)
    }
    const mediaType = parseMediaType(text)
    if (mediaType === undefined || !this.#allows(mediaType.type))
      throw unsupported(`a limit of this route is read from the request body, which has to be ${wanted}`)
    if (mediaType.charsets.length > 1 || !mediaType.charsets.every(isUtf8))
      throw unsupported('a limit of this route is read from the request body, which has to be in UTF-8')
    if (contentEncodings.length > 1 || !contentEncodings.every(isIdentity))
      throw unsupported(
        'a limit of this route is read from the request body, which cannot have a Content-Encoding',
      )
    return mediaType.type === FORM ? 'form' : 'json'
  }

  #allows(type: string): boolean {
    return this.#types.has(type) || (this.#types.has(ANY_JSON) && /^application\/.+\+json$/.test(type))
  }
}

/** What rules read where the configuration says nothing. */
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
