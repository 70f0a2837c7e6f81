import type { BodyFormat } from './body-format.js'
import { jsonMemory } from './json-memory.js'

/** What a field of a form takes of the heap at most, in bytes, beside its text. */
const FIELD_BYTES = 256

const AMPERSAND = 0x26
const SEMICOLON = 0x3b

/** Estimates what reading a body takes of the heap at most, in bytes, before any of it is taken. */
export function parsingMemory(body: Uint8Array, format: BodyFormat): number {
  return format === 'json' ? jsonMemory(body) : formMemory(body)
}

function formMemory(body: Uint8Array): number {
  // The text, and the names and values in it.
  return fieldCount(body) * FIELD_BYTES + 4 * body.length
}

/** How many fields a form has at most. */
export function fieldCount(body: Uint8Array): number {
  let fields = 1
  for (const byte of body) if (byte === AMPERSAND || byte === SEMICOLON) fields += 1
  return fields
}
