import { RequestError } from 'sluice'
import { countContent, countFormat, countOtherMembers, countStructure } from '../request/input-text.js'
import { describeValue, maximumOf, own } from '../request/json-fields.js'
import { readChoices } from './openai-choices.js'
import { openAICallParameters, statedAnswers } from './openai-fields.js'
import type { Shape } from './shape.js'
import { choicesEnding } from './stream-ending.js'

const COUNTED: ReadonlySet<string> = new Set([
  ...['messages', 'documents', 'tools', 'functions', 'response_format'],
])

/** The shape of `POST /v1/chat/completions`. */
export const openAIChat: Shape = {
  name: 'openai-chat',
  vendor: 'openai',
  operation: 'chat',
  usageOnRequest: true,
  endingOf: choicesEnding({ delta: {} }),
  readRequest(body, input) {
    const messages = own(body, 'messages')
    if (!Array.isArray(messages))
      throw new RequestError(`'messages' must be a list, not ${describeValue(messages)}`)
    countContent(messages, input)
    // Servers with retrieval accept documents here.
    countContent(own(body, 'documents'), input)
    countStructure(own(body, 'tools'), input)
    countStructure(own(body, 'functions'), input)
    countFormat(own(body, 'response_format'), input)
    countOtherMembers(body, COUNTED, input)
    // llama.cpp also accepts its own name.
    const maxOutput = maximumOf(body, 'max_tokens', 'max_completion_tokens', 'n_predict')
    // `best_of` belongs to completions, but servers of both APIs accept it here.
    const answers = Math.max(statedAnswers(body, 'n'), statedAnswers(body, 'best_of'))
    return openAICallParameters(body, maxOutput, answers)
  },
  readResponse: (body) => readChoices(body, 'message'),
  readEvent: (data) => readChoices(data, 'delta'),
}
