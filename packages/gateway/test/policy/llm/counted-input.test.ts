import { describe, expect, it } from 'vitest'
import { ATTACHMENT_TOKENS } from '../../../src/policy/llm/request/input-text.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { ollamaChat, ollamaEmbed, ollamaGenerate } from '../../../src/policy/llm/shapes/ollama.js'
import { openAIChat } from '../../../src/policy/llm/shapes/openai-chat.js'
import { openAICompletions } from '../../../src/policy/llm/shapes/openai-completions.js'
import { openAIEmbeddings } from '../../../src/policy/llm/shapes/openai-embeddings.js'
import { openAIResponses } from '../../../src/policy/llm/shapes/openai-responses.js'
import type { Shape } from '../../../src/policy/llm/shapes/shape.js'
import { callOf } from './llm-requests.js'

const LONG = 'x'.repeat(400_000)

const message = (more: object) => ({ messages: [{ role: 'user', content: '', ...more }] })
/** Bodies that each contain a long string in a different position. */
const POSITIONS: readonly (readonly [string, Shape, object])[] = [
  ...[
    'role',
    'name',
    'tool_call_id',
    'id',
    'type',
    'status',
    'detail',
    'signature',
    'encrypted_content',
    'index',
  ]
    .flatMap((name) => [openAIChat, anthropicMessages, ollamaChat].map((shape) => [name, shape] as const))
    .map(([name, shape]) => [`'${name}' of a message`, shape, message({ [name]: LONG })] as const),
  ['the name of a member', openAIChat, message({ [LONG]: 1 })],
  ['an element of a list', openAIChat, message({ more: [[{ deep: [LONG] }]] })],
  ['the id of a call', openAIChat, message({ tool_calls: [{ id: LONG, type: 'function' }] })],
  ['the type of a call', openAIChat, message({ tool_calls: [{ type: LONG }] })],
  ['a name in arguments', openAIChat, message({ tool_calls: [{ function: { arguments: { [LONG]: 1 } } }] })],
  ['cache_control', anthropicMessages, message({ cache_control: { type: LONG } })],
  ['tool_use_id', anthropicMessages, message({ content: [{ type: 'tool_result', tool_use_id: LONG }] })],
  [
    'a name in the input of a tool',
    anthropicMessages,
    message({ content: [{ type: 'tool_use', input: { [LONG]: 1 } }] }),
  ],
  ['system', anthropicMessages, { messages: [], system: LONG }],
  ['tools', anthropicMessages, { messages: [], tools: [{ input_schema: { properties: { [LONG]: {} } } }] }],
  ['tool_choice', anthropicMessages, { messages: [], tool_choice: { type: 'tool', name: LONG } }],
  ['a file name', openAIChat, message({ content: [{ type: 'input_file', filename: LONG }] })],
  ['a nested file name', openAIChat, message({ content: [{ type: 'file', file: { filename: LONG } }] })],
  [
    'the detail of an image',
    openAIChat,
    message({ content: [{ type: 'image_url', image_url: { url: '', detail: LONG } }] }),
  ],
  ['the title of a document', anthropicMessages, message({ content: [{ type: 'document', title: LONG }] })],
  [
    'the text of a document',
    anthropicMessages,
    message({
      content: [{ type: 'document', source: { type: 'content', content: [{ type: 'text', text: LONG }] } }],
    }),
  ],
  ...[
    { tools: [{ type: 'function', function: { description: LONG } }] },
    { functions: [{ name: LONG }] },
    { response_format: { type: 'json_schema', json_schema: { schema: { [LONG]: 1 } } } },
    { response_format: { type: 'json_object', schema: { title: LONG } } },
    { response_format: LONG },
    { stop: [LONG] },
    { chat_template: LONG },
    { chat_template_kwargs: { text: LONG } },
    { guided_json: { [LONG]: 1 } },
    { grammar: LONG },
    { system: LONG },
    { prediction: { type: 'content', content: LONG } },
    { reasoning_effort: LONG },
    { anything: { at: [LONG] } },
  ].map((more) => [`'${Object.keys(more)[0]}'`, openAIChat, { messages: [], ...more }] as const),
  ['suffix', openAICompletions, { prompt: '', suffix: LONG }],
  ['grammar', openAICompletions, { prompt: '', grammar: LONG }],
  ['instruction', openAIEmbeddings, { input: '', instruction: LONG }],
  ['role', openAIEmbeddings, { messages: [{ role: LONG }] }],
  ['call_id', openAIResponses, { input: [{ type: 'function_call_output', call_id: LONG, output: '' }] }],
  [
    'a schema',
    openAIResponses,
    { input: '', text: { format: { type: 'json_schema', schema: { [LONG]: 1 } } } },
  ],
  [
    'the name of a schema',
    openAIResponses,
    { input: '', text: { format: { type: 'json_schema', name: LONG } } },
  ],
  ['a variable', openAIResponses, { input: '', prompt: { variables: { a: LONG } } }],
  ['format', ollamaChat, { messages: [], format: { [LONG]: 1 } }],
  ...['prompt', 'suffix', 'system', 'template'].map(
    (name) => [name, ollamaGenerate, { [name]: LONG }] as const,
  ),
  ['prompt', ollamaEmbed, { prompt: LONG }],
]

describe('the counted input', () => {
  it.each(POSITIONS)('includes text in %s', (_, shape, body) => {
    expect(callOf(shape, body).reservation.input).toBeGreaterThanOrEqual(LONG.length / 4)
    expect(callOf(shape, body).reservation.input).toBeLessThan(LONG.length / 4 + ATTACHMENT_TOKENS + 50)
  })

  it('includes messages without text', () => {
    const messages = Array.from({ length: 1000 }, () => ({ role: 'user', content: '' }))
    for (const shape of [openAIChat, anthropicMessages, ollamaChat])
      expect(callOf(shape, { messages }).reservation.input).toBe(1000)
  })

  it('includes a short id in each of many messages', () => {
    const messages = Array.from({ length: 1000 }, () => ({ role: 'tool', tool_call_id: 'a'.repeat(40) }))
    expect(callOf(openAIChat, { messages }).reservation.input).toBe(10_000)
  })
})

describe('the members that a model does not read', () => {
  it.each([
    [
      openAIChat,
      { messages: [], model: 'm', user: 'u'.repeat(40), metadata: { a: LONG }, logit_bias: { 50256: -100 } },
    ],
    [
      openAIChat,
      { messages: [], stream: true, stream_options: {}, temperature: 0.5, seed: 7, n: 2, store: true },
    ],
    [openAIChat, { messages: [], response_format: { type: 'json_object' }, reasoning_effort: 'low' }],
    [
      anthropicMessages,
      { messages: [], metadata: { user_id: 'u' }, thinking: { type: 'enabled', budget_tokens: 9 } },
    ],
    [
      openAIResponses,
      { input: [], reasoning: { effort: 'low' }, include: ['x'], truncation: 'auto', store: false },
    ],
    [
      ollamaChat,
      {
        messages: [],
        model: 'm',
        options: { num_predict: 5, stop: ['x'] },
        keep_alive: '5m',
        format: 'json',
      },
    ],
  ] as const)('are not counted as input: case %#', (shape, body) => {
    expect(callOf(shape, body).reservation.input).toBe(0)
  })

  it('include the bytes of Ollama images, each of which counts as a constant', () => {
    const images = [LONG, LONG]
    expect(
      callOf(ollamaChat, { messages: [{ role: 'user', content: 'abcd', images }] }).reservation.input,
    ).toBe(2 * ATTACHMENT_TOKENS + 2)
    expect(callOf(ollamaGenerate, { prompt: 'abcd', images, context: [1, 2, 3] }).reservation.input).toBe(
      2 * ATTACHMENT_TOKENS + 4,
    )
  })
})
