import { structureStrings } from '../request/input-text.js'
import { isFields, listOf, own } from '../request/json-fields.js'

/** Members of a part that the model did not write as text. */
const NOT_WRITTEN: ReadonlySet<string> = new Set([
  ...['type', 'id', 'index', 'format', 'status', 'signature', 'data', 'encrypted_content', 'logprobs'],
])

/** Lists the members with the given names that are non-empty strings. */
export function textsIn(value: unknown, names: readonly string[]): string[] {
  return names
    .map((name) => own(value, name))
    .filter((text): text is string => typeof text === 'string' && text !== '')
}

/**
 * Lists the strings of a message, or of a part of one, in an OpenAI-compatible API: content,
 * refusals, reasoning, tool calls and transcripts. Reasoning that the server repeats under
 * several names is listed once.
 */
export function messageTexts(message: unknown): string[] {
  const parts = listOf(message, 'content')
  return [
    ...textsIn(message, ['content', 'refusal']),
    ...parts.flatMap((part) => (typeof part === 'string' ? [part] : textsIn(part, ['text', 'refusal']))),
    ...thoughtsIn(message, parts),
    ...listOf(message, 'tool_calls').flatMap((call) => [
      ...callTexts(call),
      ...callTexts(own(call, 'function')),
      ...callTexts(own(call, 'custom')),
    ]),
    ...callTexts(own(message, 'function_call')),
    ...textsIn(own(message, 'audio'), ['transcript']),
  ]
}

/** Lists the strings of a tool call. Arguments are a string or a parsed object. */
export function callTexts(call: unknown): string[] {
  const inputs = ['arguments', 'input'].map((name) => own(call, name))
  return [
    ...textsIn(call, ['name', 'arguments', 'input']),
    ...inputs.flatMap((input) => (typeof input === 'string' ? [] : structureStrings(input))),
  ]
}

const THOUGHT = /reason|think|thought/i
/** The reason why the output ended, such as `finish_reason`. */
const END_REASON = /_reason$/i

/**
 * Lists the reasoning of a model. Servers send it as `reasoning_content`, `reasoning`,
 * `reasoning_details`, `thinking`, or as content parts. Some servers send it in several of these
 * forms.
 */
export function thoughtsIn(message: unknown, parts: readonly unknown[] = []): string[] {
  if (!isFields(message)) return []
  const found = Object.keys(message)
    .filter((name) => THOUGHT.test(name) && !END_REASON.test(name))
    .map((name) => textsWithin(message[name]).join(''))
  const inParts = parts.flatMap((part) => textsWithin(own(part, 'thinking'))).join('')
  const byLength = [...found, inParts].sort((one, other) => other.length - one.length)
  const thoughts: string[] = []
  for (const thought of byLength)
    if (thought !== '' && !thoughts.some((longer) => longer.includes(thought))) thoughts.push(thought)
  return thoughts
}

/** Lists all text that a model wrote in a nested value. */
export function textsWithin(value: unknown): string[] {
  const texts: string[] = []
  const rest: unknown[] = [value]
  while (rest.length > 0) {
    const next = rest.pop()
    if (typeof next === 'string') texts.push(next)
    else if (Array.isArray(next)) for (let at = next.length - 1; at >= 0; at -= 1) rest.push(next[at])
    else if (isFields(next))
      for (const name of Object.keys(next).reverse()) if (!NOT_WRITTEN.has(name)) rest.push(next[name])
  }
  return texts
}
