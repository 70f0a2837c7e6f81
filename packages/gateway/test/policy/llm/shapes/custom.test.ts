import { describe, expect, it } from 'vitest'
import { customShape } from '../../../../src/policy/llm/shapes/custom-shape.js'
import { SHAPE_NAMES, shapeFor } from '../../../../src/policy/llm/shapes/shapes.js'
import { callOf } from '../llm-requests.js'

const shape = customShape({
  input: ['/inputs', '/context'],
  maxOutput: ['/parameters/max_new_tokens', '/parameters/max_length'],
  answers: '/parameters/num_return_sequences',
  model: '/model',
  stream: '/stream',
  usage: { input: '/details/prefill', output: '/details/generated', cached: '/details/cached' },
  text: '/token/text',
})

describe('a custom shape of JSON pointers', () => {
  it('reads the model, the maximum and the input of a request', () => {
    const body = {
      model: 'm',
      inputs: 'x'.repeat(20),
      context: ['y'.repeat(10), 'z'.repeat(10)],
      parameters: { max_new_tokens: 20, max_length: 50, num_return_sequences: 2 },
      stream: true,
    }
    const { parameters, reservation } = callOf(shape, body)
    expect(parameters).toMatchObject({ model: 'm', stream: true, maxOutput: 50, answers: 2 })
    expect(reservation).toEqual({ input: 10, output: 100, total: 110, stated: true })
  })

  it.each([
    ['/inputs', {}],
    ['/inputs', '{"__proto__": {"inputs": "a"}}'],
    ['/parameters/max_length', { inputs: 'a', parameters: { max_length: 'all' } }],
    ['/parameters/num_return_sequences', { inputs: 'a', parameters: { num_return_sequences: 1e9 } }],
    ['/stream', { inputs: 'a', stream: 1 }],
  ])("rejects an invalid '%s': %j", (name, body) => {
    expect(() => callOf(shape, body)).toThrow(name)
  })

  it('reads the usage and text of responses and events', () => {
    const details = { prefill: 5, generated: 7, cached: 2 }
    expect(shape.readResponse({ details })).toEqual({
      usage: { input: 5, output: 7, cached: 2 },
      texts: [],
      failed: false,
    })
    expect(shape.readEvent({ token: { text: 'ab' } })?.texts).toEqual(['ab'])
    expect(shape.readEvent({ other: 1 })).toBeUndefined()
  })

  it('is rejected without an input or with an invalid pointer', () => {
    expect(() => customShape({ input: [], usage: {} })).toThrow(TypeError)
    expect(() => customShape({ input: ['inputs'], usage: {} })).toThrow(SyntaxError)
  })
})

describe('the lookup of a shape', () => {
  it.each([
    ['openai', '/v1/chat/completions', 'openai-chat'],
    ['openai', '/v1/completions', 'openai-completions'],
    ['openai', '/v1/embeddings', 'openai-embeddings'],
    ['openai', '/openai/v1/responses', 'openai-responses'],
    ['anthropic', '/v1/messages', 'anthropic-messages'],
    ['openai-chat', '/generate', 'openai-chat'],
  ])('resolves %s at %s to %s', (name, path, expected) => {
    expect(SHAPE_NAMES).toContain(name)
    expect(shapeFor(name, path)?.name).toBe(expected)
  })

  it.each([
    ['openai', '/v1/models'],
    ['anthropic', '/v1/chat/completions'],
    ['constructor', '/v1/messages'],
  ])('finds no shape for %s at %s', (name, path) => {
    expect(shapeFor(name, path)).toBeUndefined()
  })
})
