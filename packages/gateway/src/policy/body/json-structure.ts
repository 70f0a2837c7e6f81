import { MalformedRequestError } from 'sluice'
import { ObjectLayout } from './object-layout.js'
import { UnreadableBodyError } from './unreadable-body.js'

/** Maximum nesting depth of arrays and objects. Python's parser fails at this depth, too. */
const MAX_DEPTH = 1000

/**
 * Maximum numbers of values, of containers, and of members in new layouts, per body. Parsing blocks
 * all other requests: a number takes about 0.1 µs, an array 0.4 µs, and a member in a new layout 3
 * µs, so a body at one of these bounds takes 60 to 200 ms.
 */
export const MAX_VALUES = 2_000_000
export const MAX_CONTAINERS = 250_000
export const MAX_NEW_MEMBERS = 20_000

/**
 * Maximum number of members in an object that is cheap to parse because an earlier object had the
 * same members. The parser rehashes any further members.
 */
const MAX_CHEAP_MEMBERS = 128

/**
 * Rejects JSON that `JSON.parse` would accept: duplicate members, deep nesting, and text that is
 * slow to parse. Some servers use the first of duplicate members and others the last, so the
 * upstream might use a member that was not counted. Takes linear time. Invalid JSON may pass.
 *
 * @throws MalformedRequestError that names a duplicate member
 * @throws UnreadableBodyError if the nesting is too deep, or a bound is exceeded
 */
export function checkStructure(text: string): void {
  const root = new ObjectLayout()
  /** Arrays (as undefined) and objects that are not yet closed, outermost first. */
  const open: (OpenObject | undefined)[] = []
  let values = 1
  let containers = 0
  let newMembers = 0
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    switch (code) {
      case 0x22: {
        const end = stringEnd(text, at)
        const object = open.at(-1)
        if (object !== undefined && isName(text, end)) {
          newMembers += addName(object, text.slice(at, end))
          if (newMembers > MAX_NEW_MEMBERS) throw tooMany(`${MAX_NEW_MEMBERS} different members`)
        }
        at = end
        continue
      }
      case 0x2c:
        values += 1
        break
      case 0x5b:
      case 0x7b:
        containers += 1
        if (containers > MAX_CONTAINERS) throw tooMany(`${MAX_CONTAINERS} arrays and objects`)
        open.push(code === 0x7b ? { layout: root, names: undefined } : undefined)
        break
      case 0x5d:
      case 0x7d:
        open.pop()
        break
    }
    if (open.length > MAX_DEPTH)
      throw new UnreadableBodyError(`the request body is nested deeper than ${MAX_DEPTH} levels`)
    if (values > MAX_VALUES) throw tooMany(`${MAX_VALUES} values`)
    at += 1
  }
}

function tooMany(what: string): UnreadableBodyError {
  return new UnreadableBodyError(`the request body has more than ${what}`, 413)
}

/** @param start index of the opening quote @returns index after the closing quote */
function stringEnd(text: string, start: number): number {
  let from = start + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote === -1) return text.length
    let backslashes = 0
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
    from = quote + 1
  }
}

/** Reports whether a colon follows a string. */
function isName(text: string, end: number): boolean {
  let at = end
  for (;;) {
    switch (text.charCodeAt(at)) {
      case 0x20:
      case 0x09:
      case 0x0a:
      case 0x0d:
        at += 1
        break
      default:
        return text.charCodeAt(at) === 0x3a
    }
  }
}

/** An object that is being read. */
interface OpenObject {
  layout: ObjectLayout
  /** Its member names; undefined as long as an earlier object has the same layout. */
  names: Set<string> | undefined
}

/**
 * Adds a member to an object.
 *
 * @param quoted the name with its quotes, as in the text
 * @returns 1 if the parser must extend or rehash the layout, otherwise 0
 */
function addName(object: OpenObject, quoted: string): number {
  const name = quoted.includes('\\') ? unescapeName(quoted) : quoted.slice(1, -1)
  const { layout } = object
  const known = layout.following(name)
  if (known !== undefined) {
    object.layout = known
    object.names?.add(name)
    return known.size > MAX_CHEAP_MEMBERS ? 1 : 0
  }
  object.names ??= new Set(layout.names())
  if (object.names.has(name))
    throw new MalformedRequestError(`'${name.slice(0, 40)}' occurs twice in an object of the request body`)
  object.names.add(name)
  object.layout = layout.add(name)
  return 1
}

function unescapeName(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch {
    // Not JSON: parsing the text reports it.
    return quoted
  }
}
