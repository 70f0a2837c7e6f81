import { isFields, listOf, MAX_ANSWERS, own } from '../request/json-fields.js'
import { hasError, isErrorAnswer } from './error-body.js'
import { openAIUsage } from './openai-fields.js'
import { messageTexts, textsIn, thoughtsIn } from './output-text.js'
import type { ChoiceReading, Reading } from './shape.js'

/** Reads a completion or a chunk of one, for both the chat and the completions API. */
export function readChoices(value: unknown, part: 'message' | 'delta'): Reading | undefined {
  const list = own(value, 'choices')
  if (!Array.isArray(list) && own(value, 'usage') === undefined) {
    return isErrorAnswer(value) ? { usage: {}, texts: [], failed: true } : undefined
  }
  const choices = listOf(value, 'choices').map((choice, position) => readChoice(choice, position, part))
  const isPerChoice = part === 'delta' || choices.some(({ usage }) => Object.values(usage).some(isNumber))
  return {
    usage: openAIUsage(value),
    texts: choices.flatMap(({ texts }) => texts),
    failed: hasError(value) || isErrorObject(value) || listOf(value, 'choices').some(hasError),
    ...(isPerChoice && { choices }),
  }
}

function readChoice(choice: unknown, position: number, part: 'message' | 'delta'): ChoiceReading {
  const index = own(choice, 'index')
  // Some servers stream whole messages, or respond to a chat in the format of the completions API.
  const other = part === 'delta' ? 'message' : 'delta'
  const message = own(choice, part)
  return {
    index:
      typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : position % MAX_ANSWERS,
    texts: [
      ...messageTexts(isFields(message) ? message : own(choice, other)),
      ...textsIn(choice, ['text']),
      ...thoughtsIn(choice),
    ],
    usage: openAIUsage(choice),
  }
}

function isErrorObject(value: unknown): boolean {
  return own(value, 'object') === 'error'
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number'
}
