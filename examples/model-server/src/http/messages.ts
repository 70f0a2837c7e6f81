import { isObject, type Position, type Problem } from './validation.js'

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool']

/** Joins the contents of `[{"role":"user","content":"…"},…]` with empty lines. */
export function joinMessages(value: unknown, loc: Position, problems: Problem[]): string {
  if (value === undefined) problems.push({ loc, msg: 'is missing' })
  else if (!Array.isArray(value)) problems.push({ loc, msg: 'should be a list' })
  else if (value.length === 0) problems.push({ loc, msg: 'should have at least one message' })
  else return value.map((entry: unknown, index) => message(entry, [...loc, index], problems)).join('\n\n')
  return ''
}

function message(value: unknown, loc: Position, problems: Problem[]): string {
  if (!isObject(value)) {
    problems.push({ loc, msg: 'should be an object with "role" and "content"' })
    return ''
  }
  const { role, content } = value
  if (typeof role !== 'string' || !ROLES.includes(role)) {
    problems.push({ loc: [...loc, 'role'], msg: `should be one of ${ROLES.join(', ')}` })
  }
  if (typeof content === 'string') return content
  // An assistant message with only tool calls has no content.
  if ((content ?? null) === null && role === 'assistant') return ''
  if (!Array.isArray(content)) {
    problems.push({ loc: [...loc, 'content'], msg: 'should be a string or a list of text parts' })
    return ''
  }
  return content.map((part: unknown, index) => textPart(part, [...loc, 'content', index], problems)).join('')
}

function textPart(value: unknown, loc: Position, problems: Problem[]): string {
  if (isObject(value) && value.type === 'text' && typeof value.text === 'string') return value.text
  problems.push({ loc, msg: 'should be {"type":"text","text":"…"}: this model reads only text' })
  return ''
}
