import type { BodyFormat } from './body-format.js'
import { jsonMemory } from './json-memory.js'

/** Heap bytes of a form field, in addition to its text. */
const FIELD_BYTES = 256

const AMPERSAND = 0x26
const SEMICOLON = 0x3b

/** Estimates the heap that reading a body takes, in bytes. */
export function parsingMemory(body: Uint8Array, format: BodyFormat): number {
  return format === 'json' ? jsonMemory(body) : formMemory(body)
}

function formMemory(body: Uint8Array): number {
  // The text, and its names and values.
  return fieldCount(body) * FIELD_BYTES + 4 * body.length
}

/** The largest number of fields that a form can have. */
export function fieldCount(body: Uint8Array): number {
  let fields = 1
  for (const byte of body) if (byte === AMPERSAND || byte === SEMICOLON) fields += 1
  return fields
}
