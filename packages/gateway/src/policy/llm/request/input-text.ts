import type { TokenCounter } from '../token-counter.js'
import { type Fields, isFields, own } from './json-fields.js'
import { CALL_INPUTS, isProtocolWord, isSetting, PROTOCOL_NAMES } from './protocol-fields.js'

/**
 * What an image, a sound or a document counts for, in tokens: about what a photograph costs with the large vendors. Its
 * bytes say nothing about its tokens.
 */
export const ATTACHMENT_TOKENS = 1000

/** The types of parts that are more than text. */
const ATTACHMENTS: ReadonlySet<unknown> = new Set([
  ...['image_url', 'input_image', 'image', 'input_audio', 'audio', 'video_url', 'video'],
  ...['file', 'input_file', 'document', 'computer_screenshot'],
])

/** The members that hold an attachment, or say where it is. Only these are not counted as text. */
const PAYLOADS: ReadonlySet<string> = new Set([
  ...['image_url', 'input_image', 'image', 'input_audio', 'audio', 'video_url', 'video', 'file', 'source'],
  ...['data', 'url', 'file_data', 'file_url', 'file_id'],
])

/** What an attachment may say of itself for the price of an attachment, in characters for each member: such as its media type. */
const MAX_LABEL = 64

/** Counts the text in an attachment, such as a document that brings its own, but not its bytes and short labels. */
function countPayload(payload: Fields, counter: TokenCounter, rest: unknown[]): void {
  for (const name of Object.keys(payload)) {
    const member = payload[name]
    if (name === 'data' && own(payload, 'type') === 'text') rest.push(member)
    else if (typeof member !== 'string') rest.push(member)
    else if (!PAYLOADS.has(name) && member.length > MAX_LABEL) counter.addText(member)
  }
}

/**
 * Counts the text in a message or a list of them: every text in it, however it is nested, and `ATTACHMENT_TOKENS` for each
 * part that is no text. What is unknown is counted as text, so that it is not free. Linear in the size of the value.
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
        // Templates show a model the whole of what a tool was called with.
        if (CALL_INPUTS.has(name) && typeof member === 'object') countStructure(member, counter)
        else rest.push(member)
      } else if (name === 'role') counter.addMark()
    }
  }
  walk(value, (text) => counter.addText(text), open)
}

/** Counts a structure that the model is shown as it is, such as the schemas of tools: the names in it too. */
export function countStructure(value: unknown, counter: TokenCounter): void {
  for (const text of structureTexts(value)) counter.addText(text)
}

/** The texts of a structure: its names and its values. */
export function structureTexts(value: unknown): string[] {
  const texts: string[] = []
  walk(
    value,
    (text) => texts.push(text),
    (object, rest) => {
      for (const name of Object.keys(object)) {
        texts.push(name)
        rest.push(object[name])
      }
    },
  )
  return texts
}

/**
 * Counts the members of a request that no shape knows. Some servers hand them to the model, for example in the template of
 * its prompt. Numbers and settings that no model reads are left out.
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

/** Counts the form that an answer must have, such as a JSON schema, but not the word for its kind. */
export function countFormat(format: unknown, counter: TokenCounter): void {
  if (!isFields(format)) {
    // The word for JSON of any form is a setting.
    if (format !== 'json') countStructure(format, counter)
    return
  }
  for (const name of Object.keys(format)) {
    if (isProtocolWord(name, format[name])) continue
    if (!PROTOCOL_NAMES.has(name)) counter.addText(name)
    countStructure(format[name], counter)
  }
}

/** Goes through a value of any depth without a call a level. */
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

/** Counts a prompt that is a text, a list of texts, a list of tokens or a list of such lists. @returns how many prompts */
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

/** A number is a token by itself. */
function countPrompt(value: unknown, counter: TokenCounter): void {
  if (typeof value === 'number') counter.addTokens(1)
  else countContent(value, counter)
}
