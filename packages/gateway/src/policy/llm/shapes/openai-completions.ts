import { RequestError } from 'sluice'
import { countContent, countFormat, countOtherMembers, countPrompts } from '../request/input-text.js'
import { maximumOf, own } from '../request/json-fields.js'
import { readChoices } from './openai-choices.js'
import { openAICallParameters, statedAnswers } from './openai-fields.js'
import type { Shape } from './shape.js'
import { choicesEnding } from './stream-ending.js'

const COUNTED: ReadonlySet<string> = new Set(['prompt', 'suffix', 'response_format'])

/** The shape of `POST /v1/completions`. The model returns separate answers for each prompt. */
export const openAICompletions: Shape = {
  name: 'openai-completions',
  vendor: 'openai',
  operation: 'text_completion',
  usageOnRequest: true,
  endingOf: choicesEnding({ text: '', logprobs: null }),
  readRequest(body, input) {
    const prompt = own(body, 'prompt')
    if (prompt === undefined) throw new RequestError("'prompt' is missing")
    const prompts = countPrompts(prompt, input)
    countContent(own(body, 'suffix'), input)
    countFormat(own(body, 'response_format'), input)
    countOtherMembers(body, COUNTED, input)
    const answersPerPrompt = Math.max(statedAnswers(body, 'n'), statedAnswers(body, 'best_of'))
    return openAICallParameters(
      body,
      maximumOf(body, 'max_tokens', 'max_completion_tokens', 'n_predict'),
      prompts * answersPerPrompt,
    )
  },
  readResponse: (body) => readChoices(body, 'message'),
  readEvent: (data) => readChoices(data, 'delta'),
}
