import type { BodyFormat } from './body-format.js'
import { jsonMemory } from './json-memory.js'

/** Heap bytes of a form field, in addition to its text. */
const FIELD_BYTES = 256

const AMPERSAND = 0x26
const SEMICOLON = 0x3b

/** Estimates the heap bytes needed to parse a body. */
export function parsingMemory(body: Uint8Array, format: BodyFormat): number {
  return format === 'json' ? jsonMemory(body) : formMemory(body)
}

function formMemory(body: Uint8Array): number {
  // The decoded text, plus the names and values parsed from it.
  return fieldCount(body) * FIELD_BYTES + 4 * body.length
}

/** Returns an upper bound on the number of fields in a form. */
export function fieldCount(body: Uint8Array): number {
  let fields = 1
  for (const byte of body) if (byte === AMPERSAND || byte === SEMICOLON) fields += 1
  return fields
}
