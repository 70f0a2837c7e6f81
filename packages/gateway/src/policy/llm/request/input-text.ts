import type { TokenCounter } from '../token-counter.js'
import { type Fields, isFields, own } from './json-fields.js'
import { CALL_INPUTS, isProtocolWord, isSetting, PROTOCOL_NAMES } from './protocol-fields.js'

/**
 * Tokens charged per image, audio clip or document: about what large vendors charge for a photo.
 * The size in bytes does not predict the number of tokens.
 */
export const ATTACHMENT_TOKENS = 1000

/** The types of parts that are not text. */
const ATTACHMENTS: ReadonlySet<unknown> = new Set([
  ...['image_url', 'input_image', 'image', 'input_audio', 'audio', 'video_url', 'video'],
  ...['file', 'input_file', 'document', 'computer_screenshot'],
])

/** Members that contain an attachment or its URL. All other members are counted as text. */
const PAYLOADS: ReadonlySet<string> = new Set([
  ...['image_url', 'input_image', 'image', 'input_audio', 'audio', 'video_url', 'video', 'file', 'source'],
  ...['data', 'url', 'file_data', 'file_url', 'file_id'],
])

/**
 * Maximum length of a label of an attachment, such as its media type, that is not counted
 * separately.
 */
const MAX_LABEL_LENGTH = 64

/** Counts the text of an attachment, but neither its bytes nor short labels. */
function countPayload(payload: Fields, counter: TokenCounter, rest: unknown[]): void {
  for (const name of Object.keys(payload)) {
    const member = payload[name]
    if (name === 'data' && own(payload, 'type') === 'text') rest.push(member)
    else if (typeof member !== 'string') rest.push(member)
    else if (!PAYLOADS.has(name) && member.length > MAX_LABEL_LENGTH) counter.addText(member)
  }
}

/**
 * Counts a message or a list of messages: all nested text, and `ATTACHMENT_TOKENS` per part that is
 * not text. Unknown members count as text, so they are not free. Takes linear time.
 */
export function countContent(value: unknown, counter: TokenCounter): void {
  const open = (object: Fields, rest: unknown[]) => {
    const attached = ATTACHMENTS.has(own(object, 'type'))
    if (attached) counter.addTokens(ATTACHMENT_TOKENS)
    for (const name of Object.keys(object)) {
      const member = object[name]
      if (attached && PAYLOADS.has(name)) {
        if (isFields(member)) countPayload(member, counter, rest)
        else if (typeof member !== 'string') rest.push(member)
      } else if (!isProtocolWord(name, member)) {
        if (!PROTOCOL_NAMES.has(name)) counter.addText(name)
        // Chat templates pass all arguments of a tool call to the model.
        if (CALL_INPUTS.has(name) && typeof member === 'object') countStructure(member, counter)
        else rest.push(member)
      } else if (name === 'role') counter.addMark()
    }
  }
  walk(value, (text) => counter.addText(text), open)
}

/** Counts a structure that the model sees verbatim, such as a tool schema, including its names. */
export function countStructure(value: unknown, counter: TokenCounter): void {
  for (const text of structureStrings(value)) counter.addText(text)
}

/** Returns the strings of a structure: its names and values. */
export function structureStrings(value: unknown): string[] {
  const strings: string[] = []
  walk(
    value,
    (text) => strings.push(text),
    (object, rest) => {
      for (const name of Object.keys(object)) {
        strings.push(name)
        rest.push(object[name])
      }
    },
  )
  return strings
}

/**
 * Counts members that no shape defines, since some servers pass them to the model, for example in a
 * prompt template. Numbers, and settings that no model reads, are free.
 *
 * @param counted members that are counted elsewhere
 */
export function countOtherMembers(body: Fields, counted: ReadonlySet<string>, counter: TokenCounter): void {
  for (const name of Object.keys(body)) {
    const value = body[name]
    if (counted.has(name) || isSetting(name, value)) continue
    if (typeof value === 'string') counter.addText(value)
    else if (typeof value === 'object') countStructure(value, counter)
  }
}

/**
 * Counts the response format that a request specifies, such as a JSON schema, but not the name of
 * the format.
 */
export function countFormat(format: unknown, counter: TokenCounter): void {
  if (!isFields(format)) {
    // The string `json` only selects JSON output, so it counts as a setting.
    if (format !== 'json') countStructure(format, counter)
    return
  }
  for (const name of Object.keys(format)) {
    if (isProtocolWord(name, format[name])) continue
    if (!PROTOCOL_NAMES.has(name)) counter.addText(name)
    countStructure(format[name], counter)
  }
}

/** Traverses a value of any depth without recursion. */
function walk(
  value: unknown,
  text: (text: string) => void,
  open: (object: Fields, rest: unknown[]) => void,
): void {
  const rest: unknown[] = [value]
  while (rest.length > 0) {
    const next = rest.pop()
    if (typeof next === 'string') text(next)
    else if (typeof next === 'number' || typeof next === 'boolean') text(String(next))
    else if (Array.isArray(next)) for (let at = next.length - 1; at >= 0; at -= 1) rest.push(next[at])
    else if (isFields(next)) open(next, rest)
  }
}

/**
 * Counts the prompts of a request: a string, a list of strings, a list of tokens, or a list of
 * lists of tokens.
 *
 * @returns the number of prompts
 */
export function countPrompts(value: unknown, counter: TokenCounter): number {
  if (!Array.isArray(value)) {
    countContent(value, counter)
    return 1
  }
  for (const prompt of value) {
    if (Array.isArray(prompt)) for (const token of prompt) countPrompt(token, counter)
    else countPrompt(prompt, counter)
  }
  return value.length === 0 || typeof value[0] === 'number' ? 1 : value.length
}

/** Counts one prompt. A number is one token. */
function countPrompt(value: unknown, counter: TokenCounter): void {
  if (typeof value === 'number') counter.addTokens(1)
  else countContent(value, counter)
}
