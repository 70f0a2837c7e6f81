/** The position of an object's member in JSON, in bytes. */
export interface Member {
  readonly name: string
  readonly valueStart: number
  /** Index after the last byte of the value. */
  readonly valueEnd: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b
const CLOSE_BRACE = 0x7d
const CLOSE_BRACKET = 0x5d

/**
 * Lists the members of an object, without those of nested values, in linear time and at any depth.
 * The structural characters of JSON are ASCII, so scanning bytes is sufficient.
 *
 * @param json a valid JSON object
 */
export function* membersOf(json: Buffer): Generator<Member> {
  let at = json.indexOf(OPEN_BRACE) + 1
  for (;;) {
    at = json.indexOf(QUOTE, at)
    if (at === -1) return
    const nameEnd = stringEnd(json, at)
    const name: unknown = JSON.parse(json.toString('utf8', at, nameEnd))
    // A colon, with optional space, separates name and value.
    const valueStart = skipSpace(json, skipSpace(json, nameEnd) + 1)
    at = valueEndOf(json, valueStart)
    yield { name: String(name), valueStart, valueEnd: at }
  }
}

/**
 * Sets one member of an object. All other bytes are unchanged.
 *
 * @param json a valid JSON object
 * @param value returns the new JSON of the member; receives the old one, undefined if there is none
 */
export function withMember(
  json: Buffer,
  name: string,
  value: (current: Buffer | undefined) => Buffer,
): Buffer {
  for (const { name: found, valueStart, valueEnd } of membersOf(json)) {
    if (found !== name) continue
    const current = json.subarray(valueStart, valueEnd)
    return Buffer.concat([json.subarray(0, valueStart), value(current), json.subarray(valueEnd)])
  }
  const start = json.indexOf(OPEN_BRACE) + 1
  const comma = json[skipSpace(json, start)] === CLOSE_BRACE ? '' : ','
  const member = [Buffer.from(`${JSON.stringify(name)}:`), value(undefined), Buffer.from(comma)]
  return Buffer.concat([json.subarray(0, start), ...member, json.subarray(start)])
}

function skipSpace(json: Buffer, from: number): number {
  let at = from
  while (isSpace(json[at])) at += 1
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** @param start index of the opening quote */
function stringEnd(json: Buffer, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1
  return at + 1
}

function valueEndOf(json: Buffer, start: number): number {
  let depth = 0
  let at = start
  while (at < json.length) {
    const byte = json[at]
    if (byte === QUOTE) {
      at = stringEnd(json, at)
      if (depth === 0) return at
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return at
      depth -= 1
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return at
    at += 1
  }
  return at
}
