import { RequestError } from 'sluice'
import { listOf, MAX_TOKENS, own, shown, statedNumber } from '../request/fields.js'
import { countContent, countStructure } from '../request/input-text.js'
import { larger } from '../usage.js'
import { askedOpenAI, openAIUsage, statedAnswers, tellsOfError, textsIn } from './openai-fields.js'
import type { Reading, Shape } from './shape.js'

/** `POST /v1/chat/completions`. */
export const openAIChat: Shape = {
  name: 'openai-chat',
  usageOnRequest: true,
  ask(body, input) {
    const messages = own(body, 'messages')
    if (!Array.isArray(messages)) throw new RequestError(`'messages' is a list, not ${shown(messages)}`)
    countContent(messages, input)
    // Servers that look things up for a chat take what they have found here.
    countContent(own(body, 'documents'), input)
    countStructure(own(body, 'tools'), input)
    countStructure(own(body, 'functions'), input)
    countStructure(own(own(body, 'response_format'), 'json_schema'), input)
    const maxOutput = larger(
      statedNumber(body, 'max_tokens', 0, MAX_TOKENS),
      statedNumber(body, 'max_completion_tokens', 0, MAX_TOKENS),
    )
    // `best_of` is of completions, but servers that speak both take it here too.
    const answers = Math.max(statedAnswers(body, 'n'), statedAnswers(body, 'best_of'))
    return askedOpenAI(body, maxOutput, answers)
  },
  answer: (body) => read(body, 'message'),
  event: (data) => read(data, 'delta'),
}

function read(value: unknown, part: 'message' | 'delta'): Reading | undefined {
  const failed = tellsOfError(value)
  if (!Array.isArray(own(value, 'choices')) && own(value, 'usage') === undefined && !failed) return undefined
  return {
    usage: openAIUsage(value),
    texts: listOf(value, 'choices').flatMap((choice) => textsOf(own(choice, part))),
    failed,
  }
}

function textsOf(message: unknown): string[] {
  return [
    // Servers of reasoning models say `reasoning_content` or `reasoning`; never both.
    ...textsIn(message, ['content', 'refusal', 'reasoning_content', 'reasoning']),
    ...listOf(message, 'content').flatMap((part) => textsIn(part, ['text'])),
    ...listOf(message, 'tool_calls').flatMap((call) => textsOfCall(own(call, 'function'))),
    ...textsOfCall(own(message, 'function_call')),
    ...textsIn(own(message, 'audio'), ['transcript']),
  ]
}

function textsOfCall(call: unknown): string[] {
  return textsIn(call, ['name', 'arguments'])
}
