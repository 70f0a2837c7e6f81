import type { TokenCounter } from '../token-counter.js'
import { type Fields, isFields, own } from './fields.js'

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
  ...['data', 'url', 'file_data', 'file_url', 'file_id', 'filename'],
])

/** Members that say how to read a message, and are not read by the model as text. */
const NOT_TEXT: ReadonlySet<string> = new Set([
  ...['type', 'role', 'id', 'call_id', 'tool_call_id', 'tool_use_id', 'status', 'index', 'cache_control'],
  ...['signature', 'encrypted_content', 'detail', 'media_type'],
])

/**
 * Counts the text in a message or a list of them: every text in it, however it is nested, and `ATTACHMENT_TOKENS` for each
 * part that is no text. What is unknown is counted as text, so that it is not free. Linear in the size of the value.
 */
export function countContent(value: unknown, counter: TokenCounter): void {
  const open = (object: Fields, rest: unknown[]) => {
    const attached = ATTACHMENTS.has(own(object, 'type'))
    if (attached) {
      counter.addTokens(ATTACHMENT_TOKENS)
      rest.push(textSource(own(object, 'source')))
    }
    for (const name of Object.keys(object)) {
      if (!NOT_TEXT.has(name) && !(attached && PAYLOADS.has(name))) rest.push(object[name])
    }
  }
  walk(value, (text) => counter.addText(text), open)
}

/** A document may bring its text along. */
function textSource(source: unknown): unknown {
  const type = own(source, 'type')
  if (type === 'text') return own(source, 'data')
  return type === 'content' ? own(source, 'content') : undefined
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
