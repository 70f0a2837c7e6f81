import type { BodyHeaders, BodyTypes } from './body-format.js'
import { checkStructure } from './json-structure.js'
import { fieldCount } from './parsing-memory.js'
import { UnreadableBodyError } from './unreadable-body.js'
import { Parameters } from './url-parameters.js'

/** Maximum number of form fields. Web servers accept 1000 by default. */
export const MAX_FIELDS = 10_000

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Parses a request body for rules. Rejects bodies that servers interpret differently.
 *
 * @param body undefined for a request without one
 * @returns a JSON value, or the fields of a form
 * @throws UnreadableBodyError if the body cannot be read
 * @throws MalformedRequestError if servers interpret the body differently
 */
export function parseBody(body: Buffer | undefined, types: BodyTypes, headers: BodyHeaders): unknown {
  if (body === undefined || body.length === 0) {
    throw new UnreadableBodyError(
      'a limit of this route reads the request body, but the request has none; send JSON',
    )
  }
  const format = types.formatOf(headers)
  const text = decode(body)
  if (format === 'form') {
    checkFields(body)
    return new Parameters(text)
  }
  checkStructure(text)
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableBodyError('a limit of this route reads the request body, which is not valid JSON')
  }
}

/** @throws UnreadableBodyError for more fields than can be indexed in a few milliseconds */
function checkFields(body: Buffer): void {
  if (fieldCount(body) > MAX_FIELDS)
    throw new UnreadableBodyError(`the request body has more than ${MAX_FIELDS} fields`, 413)
}

function decode(body: Buffer): string {
  try {
    return UTF8.decode(body)
  } catch {
    throw new UnreadableBodyError('a limit of this route reads the request body, which is not valid UTF-8')
  }
}
