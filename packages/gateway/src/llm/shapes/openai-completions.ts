import { RequestError } from 'sluice'
import { listOf, MAX_TOKENS, own, statedNumber } from '../request/fields.js'
import { countPrompts } from '../request/input-text.js'
import { askedOpenAI, openAIUsage, statedAnswers, tellsOfError, textsIn } from './openai-fields.js'
import type { Reading, Shape } from './shape.js'

/** `POST /v1/completions`. Each of several prompts has its own answers. */
export const openAICompletions: Shape = {
  name: 'openai-completions',
  usageOnRequest: true,
  ask(body, input) {
    const prompt = own(body, 'prompt')
    if (prompt === undefined) throw new RequestError("'prompt' is missing")
    const prompts = countPrompts(prompt, input)
    if (typeof own(body, 'suffix') === 'string') input.addText(String(own(body, 'suffix')))
    const each = Math.max(statedAnswers(body, 'n'), statedAnswers(body, 'best_of'))
    return askedOpenAI(body, statedNumber(body, 'max_tokens', 0, MAX_TOKENS), prompts * each)
  },
  answer: read,
  event: read,
}

function read(value: unknown): Reading | undefined {
  const failed = tellsOfError(value)
  if (!Array.isArray(own(value, 'choices')) && own(value, 'usage') === undefined && !failed) return undefined
  return {
    usage: openAIUsage(value),
    texts: listOf(value, 'choices').flatMap((choice) => textsIn(choice, ['text', 'reasoning'])),
    failed,
  }
}
