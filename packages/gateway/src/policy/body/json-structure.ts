import { MalformedRequestError } from 'sluice'
import { UnreadableBodyError } from './unreadable-body.js'

/** How deep arrays and objects of a body may be nested. Python's parser gives up at this depth, too. */
const MAX_DEPTH = 1000

/** Objects with more members than this are looked up in a set. */
const FEW_MEMBERS = 8

/** The names of an object's members as far as it was read. */
interface OpenObject {
  readonly list: string[]
  set: Set<string> | undefined
}

/**
 * Checks what `JSON.parse` does not mind: nesting, and members that are there twice. Servers take the first of two members,
 * or the last, or join them, so that the one that was counted need not be the one that is used. Linear in the size of the
 * text. Where the text is not JSON it may find nothing.
 *
 * @throws MalformedRequestError that names a member which is there twice; UnreadableBodyError for nesting that is too deep.
 */
export function checkStructure(text: string): void {
  /** The arrays (undefined) and objects that are open. */
  const open: (OpenObject | undefined)[] = []
  let at = 0
  while (at < text.length) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = stringEnd(text, at)
        const object = open.at(-1)
        if (object !== undefined && isName(text, end)) addName(object, text.slice(at, end))
        at = end
        continue
      }
      case 0x5b:
        open.push(undefined)
        break
      case 0x7b:
        open.push({ list: [], set: undefined })
        break
      case 0x5d:
      case 0x7d:
        open.pop()
        break
    }
    if (open.length > MAX_DEPTH)
      throw new UnreadableBodyError(`the request body is nested deeper than ${MAX_DEPTH} levels`)
    at += 1
  }
}

/** @param start where the opening quote is. @returns where the text goes on after the closing one */
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

/** Whether what follows a string is a colon. */
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

/** @param quoted the name as it stands in the text, with its quotes */
function addName(object: OpenObject, quoted: string): void {
  const name = quoted.includes('\\') ? unescaped(quoted) : quoted.slice(1, -1)
  const { list } = object
  if (object.set === undefined && list.length >= FEW_MEMBERS) object.set = new Set(list)
  if (object.set?.has(name) ?? list.includes(name))
    throw new MalformedRequestError(`'${name.slice(0, 40)}' is there twice in an object of the request body`)
  if (object.set === undefined) list.push(name)
  else object.set.add(name)
}

function unescaped(quoted: string): string {
  try {
    return JSON.parse(quoted)
  } catch {
    // It is no JSON, which is found out when the text is parsed.
    return quoted
  }
}
