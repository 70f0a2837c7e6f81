import type { TokenCounter } from '../token-counter.js'
import { ATTACHMENT_TOKENS } from './input-text.js'
import { isFields, own } from './json-fields.js'

/** The members of messages in an API whose parts are named by their only member. */
export interface PartNames {
  /** Members that contain a file or its address. */
  readonly files: ReadonlySet<string>
  /** Members of the protocol, whose names the model does not read as text. */
  readonly protocol: ReadonlySet<string>
}

const ROLES: ReadonlySet<unknown> = new Set(['user', 'assistant', 'model', 'function', 'system'])

/**
 * Counts messages with their parts: all nested text, and `ATTACHMENT_TOKENS` per file. Unknown
 * members count as text, so they are not free. Takes linear time, at any depth.
 */
export function countParts(messages: unknown, { files, protocol }: PartNames, counter: TokenCounter): void {
  const rest: unknown[] = [messages]
  while (rest.length > 0) {
    const next = rest.pop()
    if (typeof next === 'string') counter.addText(next)
    else if (typeof next === 'number') counter.addText(String(next))
    else if (Array.isArray(next)) for (let at = next.length - 1; at >= 0; at -= 1) rest.push(next[at])
    else if (isFields(next))
      for (const name of Object.keys(next)) {
        const value = next[name]
        if (files.has(name) && isFields(value)) {
          counter.addTokens(ATTACHMENT_TOKENS)
          // A document may consist of text instead of bytes.
          const source = own(value, 'source')
          rest.push(own(source, 'text'), own(source, 'content'))
        } else if (name === 'role' && ROLES.has(value)) counter.addMark()
        else {
          if (!protocol.has(name)) counter.addText(name)
          rest.push(value)
        }
      }
  }
}
