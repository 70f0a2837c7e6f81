import { RequestError } from 'sluice'
import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { customShape } from '../../../src/policy/llm/shapes/custom-shape.js'
import { ollamaChat, ollamaGenerate } from '../../../src/policy/llm/shapes/ollama.js'
import { openAIChat } from '../../../src/policy/llm/shapes/openai-chat.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import type { Shape } from '../../../src/policy/llm/shapes/shape.js'
import { callOf } from './llm-requests.js'

const custom = customShape({
  input: ['/inputs'],
  usage: {},
  maxOutput: ['/parameters/max_new', '/n_predict'],
})

/** The members that state a maximum, each with a function that creates a body with it. */
const MEMBERS: readonly (readonly [string, Shape, (value: unknown) => object])[] = [
  ...['max_tokens', 'max_completion_tokens', 'n_predict'].flatMap((name) => [
    [name, openAIChat, (value: unknown) => ({ messages: [], [name]: value })] as const,
    [name, openAICompletions, (value: unknown) => ({ prompt: '', [name]: value })] as const,
  ]),
  ['max_output_tokens', openAIResponses, (value) => ({ input: '', max_output_tokens: value })],
  ['max_tokens', anthropicMessages, (value) => ({ messages: [], max_tokens: value })],
  ['num_predict', ollamaChat, (value) => ({ messages: [], options: { num_predict: value } })],
  ['num_predict', ollamaGenerate, (value) => ({ prompt: '', options: { num_predict: value } })],
  ['/parameters/max_new', custom, (value) => ({ inputs: '', parameters: { max_new: value } })],
  ['/n_predict', custom, (value) => ({ inputs: '', n_predict: value })],
]

describe.each(MEMBERS)("the maximum '%s'", (name, shape, bodyWith) => {
  it.each([-1, 0, -0, null, undefined])(
    'counts as absent with the value %j, so the default is reserved',
    (value) => {
      expect(callOf(shape, bodyWith(value)).reservation).toMatchObject({ output: 1000, stated: false })
    },
  )

  it('is reserved if it is stated', () => {
    expect(callOf(shape, bodyWith(7)).reservation).toMatchObject({ output: 7, stated: true })
  })

  it.each([-3, -100, 1.5, -1.5, '-1', '5', true, [], {}, 1e15])('is rejected with the value %j', (value) => {
    const reading = () => callOf(shape, bodyWith(value))
    expect(reading).toThrow(RequestError)
    expect(reading).toThrow(
      `'${name}' must be a whole number from 1 to 1000000000, or -1 for no maximum, not`,
    )
  })

  it('means the context window with the value -2 if the API defines it that way', () => {
    const read = () => callOf(shape, bodyWith(-2)).reservation
    if (/predict$/.test(name)) expect(read()).toMatchObject({ output: 1000, stated: false })
    else expect(read).toThrow(RequestError)
  })
})

it('a chat reserves the default output if any of several maxima is unlimited', () => {
  const outputOf = (more: object) => callOf(openAIChat, { messages: [], ...more }).reservation.output
  expect(outputOf({ max_tokens: 5, max_completion_tokens: -1 })).toBe(1000)
  expect(outputOf({ max_tokens: 5, n_predict: -2 })).toBe(1000)
  expect(outputOf({ max_tokens: 5, n_predict: 900 })).toBe(900)
  expect(outputOf({ max_tokens: 5, max_completion_tokens: null })).toBe(5)
})
