import { describe, expect, it } from 'vitest'
import { ResponseMeter } from '../../../../src/policy/llm/response/response-meter.js'
import type { Shape } from '../../../../src/policy/llm/shapes/shape.js'
import {
  routeShapeFor,
  SHAPE_NAMES,
  shapeFor,
  vendorOfPath,
} from '../../../../src/policy/llm/shapes/shapes.js'
import { callOf, event, JSON_HEADERS, SSE_HEADERS } from '../llm-requests.js'

// The requests and answers follow the published schemas, whose addresses are in the shapes.

const named = (name: string): Shape => shapeFor(name, '') as Shape
const TEXT = 'x'.repeat(40)

/** Settles a complete answer of a call. */
function settle(name: string, body: object, answer: string, headers = JSON_HEADERS, path = '') {
  const meter = new ResponseMeter(callOf(named(name), body, {}, path))
  meter.head(200, headers)
  meter.data(Buffer.from(answer))
  return { settlement: meter.settlement({ kind: 'answered' }), unread: meter.unread }
}

describe('the shape of a path', () => {
  it.each([
    ['/v1/chat/completions', 'openai-chat'],
    ['/openai/deployments/gpt/embeddings', 'openai-embeddings'],
    ['/api/embeddings', 'ollama-embed'],
    ['/api/generate', 'ollama-generate'],
    ['/generate', 'tgi-generate'],
    ['/generate_stream', 'tgi-generate'],
    ['/v2/models/llama/generate', 'kserve-generate'],
    ['/v2/models/llama/versions/2/generate_stream', 'kserve-generate'],
    ['/v2/models/resnet/infer', 'kserve-infer'],
    ['/v2/rerank', 'rerank'],
    ['/v1/moderations', 'openai-moderations'],
    ['/v1/images/edits', 'openai-images'],
    ['/v1/audio/speech', 'openai-speech'],
    ['/v1/messages', 'anthropic-messages'],
    ['/v1/messages/count_tokens', 'anthropic-count'],
    ['/detokenize', 'tokenize'],
    ['/v1beta/models/g:streamGenerateContent', 'gemini-generate'],
    ['/model/nova/converse-stream', 'bedrock-converse'],
    ['/v1/batches', undefined],
    ['/infer', undefined],
    ['/model/nova/invoke', undefined],
  ])('%s is %s', (path, name) => {
    expect(shapeFor('auto', path)?.name).toBe(name)
  })

  it('is found in the paths of one API only, and in those that count tokens', () => {
    const tgi = routeShapeFor('tgi', '/*')
    if (typeof tgi !== 'function') throw new Error('the pattern determines the shape')
    expect(tgi('/generate')?.name).toBe('tgi-generate')
    expect(tgi('/tokenize')?.name).toBe('tokenize')
    expect(tgi('/api/generate')?.name).toBe('tgi-generate')
    expect(tgi('/v1/chat/completions')).toBeUndefined()
  })

  it('is determined by a pattern with a parameter before its end', () => {
    expect(routeShapeFor('kserve', '/v2/models/:/infer')).toMatchObject({ name: 'kserve-infer' })
    expect(routeShapeFor('gemini', '/v1beta/models/::generatecontent')).toMatchObject({
      name: 'gemini-generate',
    })
    expect(routeShapeFor('auto', '/predict')).toBeUndefined()
  })

  it('determines the format of errors', () => {
    expect(vendorOfPath('/v2/models/llama/infer')).toBe('ollama')
    expect(vendorOfPath('/model/nova/converse')).toBe('bedrock')
    expect(vendorOfPath('/v1/batches')).toBe('openai')
    expect(vendorOfPath('/other')).toBeUndefined()
  })
})

describe('a request of another API', () => {
  it.each<[string, object, object]>([
    ['rerank', { query: TEXT, documents: [TEXT, { text: TEXT }], top_n: 1 }, { input: 30, output: 0 }],
    ['rerank', { query: { text: TEXT }, texts: [TEXT] }, { input: 20, output: 0 }],
    ['openai-moderations', { input: [TEXT, { type: 'text', text: TEXT }] }, { input: 20, output: 0 }],
    ['openai-speech', { input: TEXT, voice: 'alloy', instructions: TEXT }, { input: 20, output: 0 }],
    ['openai-images', { prompt: TEXT, n: 3, size: '1024x1024' }, { input: 10, output: 3000 }],
    [
      'tgi-generate',
      { inputs: TEXT, parameters: { max_new_tokens: 7, best_of: 2 } },
      { input: 10, output: 14 },
    ],
    ['tgi-generate', { inputs: TEXT, parameters: { grammar: { value: TEXT } } }, { input: 22, output: 1000 }],
    [
      'kserve-generate',
      { text_input: TEXT, max_tokens: 7, parameters: { max_tokens: 9 } },
      { input: 10, output: 9 },
    ],
    [
      'kserve-infer',
      { inputs: [{ shape: [2], datatype: 'BYTES', data: [TEXT, TEXT] }] },
      { input: 20, output: 0 },
    ],
    [
      'kserve-infer',
      {
        inputs: [
          {
            shape: [2, 2],
            datatype: 'INT64',
            data: [
              [1, 2],
              [3, 4],
            ],
          },
        ],
      },
      { input: 4 },
    ],
    ['kserve-infer', { inputs: [{ shape: [1, 2], datatype: 'FP32', data: [0.5, 1] }] }, { input: 0 }],
    ['tokenize', { prompt: TEXT }, { input: 0, output: 0, total: 0 }],
    ['anthropic-count', { messages: [{ content: TEXT }] }, { input: 0, output: 0, total: 0 }],
  ])('of %s reserves its tokens: %j', (name, body, reservation) => {
    expect(callOf(named(name), body).reservation).toMatchObject(reservation)
  })

  it.each<[string, object, object]>([
    ['openai-images', { prompt: 'x', n: 4 }, { images: 4 }],
    ['openai-images', { prompt: 'x' }, { images: 1 }],
    ['openai-speech', { input: TEXT }, { characters: 40 }],
    ['kserve-infer', { inputs: [{ shape: [32, 3, 224, 224], datatype: 'FP32', data: [] }] }, { rows: 32 }],
    ['kserve-infer', { inputs: [] }, { rows: 1 }],
  ])('of %s counts its work: %j', (name, body, work) => {
    const { images, characters, rows } = callOf(named(name), body).parameters
    expect({ images, characters, rows }).toEqual(work)
  })

  it.each<[string, object, string]>([
    ['rerank', { documents: [] }, "'query' is missing"],
    ['rerank', { query: 'x', documents: 'x' }, "'documents' must be a list"],
    ['openai-moderations', {}, "'input' is missing"],
    ['openai-speech', { input: ['x'] }, "'input' must be a string"],
    ['openai-images', { n: 2 }, "'prompt' is missing"],
    ['openai-images', { prompt: 'x', n: 0 }, "'n' must be a whole number"],
    ['tgi-generate', {}, "'inputs' is missing"],
    ['tgi-generate', { inputs: 'x', parameters: { Max_New_Tokens: 9 } }, "must be written 'max_new_tokens'"],
    ['tgi-generate', { inputs: 'x', parameters: { max_new_tokens: '9' } }, "'parameters.max_new_tokens'"],
    ['kserve-generate', {}, "'text_input' is missing"],
    ['kserve-infer', { inputs: {} }, "'inputs' must be a list"],
    ['kserve-infer', { inputs: [{ shape: [-1] }] }, "'inputs[0].shape[0]' must be a whole number"],
    ['kserve-infer', { inputs: [{ Shape: [9] }] }, "must be written 'shape'"],
  ])('of %s is rejected if it is invalid: %j', (name, body, message) => {
    expect(() => callOf(named(name), body)).toThrow(message)
  })

  it('takes the model from the path of the Open Inference Protocol', () => {
    const call = callOf(named('kserve-infer'), { inputs: [] }, {}, '/v2/models/resnet/versions/2/infer')
    expect(call.parameters.model).toBe('resnet')
  })
})

describe('an answer of another API', () => {
  const rerank = { query: TEXT, documents: [TEXT] }
  it.each<[string, object, unknown, object]>([
    ['rerank', rerank, { results: [], usage: { total_tokens: 33 } }, { input_tokens: 33, output_tokens: 0 }],
    ['rerank', rerank, { results: [], meta: { tokens: { input_tokens: 12 } } }, { tokens: 12 }],
    ['rerank', rerank, [{ index: 0, score: 0.5 }], { tokens: 20 }],
    ['openai-moderations', { input: TEXT }, { results: [{ flagged: false }] }, { tokens: 10 }],
    ['openai-images', { prompt: TEXT, n: 2 }, { data: [{}, {}] }, { input_tokens: 10, output_tokens: 0 }],
    [
      'openai-images',
      { prompt: TEXT },
      { data: [{}], usage: { input_tokens: 11, output_tokens: 4160, total_tokens: 4171 } },
      { input_tokens: 11, output_tokens: 4160 },
    ],
    [
      'tgi-generate',
      { inputs: TEXT },
      [{ generated_text: TEXT, details: { generated_tokens: 12, prefill: [{}, {}] } }],
      { input_tokens: 2, output_tokens: 12 },
    ],
    ['tgi-generate', { inputs: TEXT }, { generated_text: TEXT }, { input_tokens: 10, output_tokens: 10 }],
    ['tgi-generate', { inputs: TEXT }, { error: 'overloaded', error_type: 'overloaded' }, { tokens: 0 }],
    ['kserve-generate', { text_input: TEXT }, { text_output: TEXT }, { output_tokens: 10 }],
    [
      'kserve-infer',
      { inputs: [] },
      { outputs: [{ datatype: 'BYTES', data: [TEXT] }] },
      { output_tokens: 10 },
    ],
    ['kserve-infer', { inputs: [] }, { error: 'no such model' }, { tokens: 0 }],
  ])('of %s settles a call %j with %j', (name, body, answer, expected) => {
    expect(settle(name, body, JSON.stringify(answer))).toMatchObject({
      settlement: expected,
      unread: undefined,
    })
  })

  it('of speech costs its input, whether it is audio or events with usage', () => {
    const body = { input: TEXT }
    const audio = settle('openai-speech', body, '{"\xff\xfb', ['Content-Type', 'audio/mpeg'])
    expect(audio).toEqual({
      settlement: { tokens: 10, input_tokens: 10, output_tokens: 0 },
      unread: undefined,
    })
    const usage = { input_tokens: 14, output_tokens: 101, total_tokens: 115 }
    const events =
      event({ type: 'speech.audio.delta', audio: 'AAAA' }) + event({ type: 'speech.audio.done', usage })
    expect(
      settle('openai-speech', { ...body, stream_format: 'sse' }, events, SSE_HEADERS).settlement,
    ).toEqual({
      tokens: 115,
      input_tokens: 14,
      output_tokens: 101,
    })
  })

  it('of image streams costs the reported usage', () => {
    const usage = { input_tokens: 11, output_tokens: 4160, total_tokens: 4171 }
    const events =
      event({ type: 'image_generation.partial_image', b64_json: 'AAAA', partial_image_index: 0 }) +
      event({ type: 'image_generation.completed', b64_json: 'AAAA', usage })
    const { settlement } = settle('openai-images', { prompt: TEXT, stream: true }, events, SSE_HEADERS)
    expect(settlement).toEqual({ tokens: 4171, input_tokens: 11, output_tokens: 4160 })
  })
})

describe('a truncated stream of Text Generation Inference', () => {
  const token = (text: string) =>
    event({
      index: 1,
      token: { id: 1, text, logprob: 0, special: false },
      generated_text: null,
      details: null,
    })
  const words = ['Rate', ' limits', ' protect', '.']
  const last = event({
    index: 5,
    token: { id: 2, text: '</s>', special: true },
    generated_text: words.join(''),
    details: { finish_reason: 'eos_token', generated_tokens: 5, input_length: 9 },
  })
  const events = [...words.map(token), last]

  it('costs the delivered tokens after each event', () => {
    for (let count = 0; count <= events.length; count += 1) {
      const meter = new ResponseMeter(callOf(named('tgi-generate'), { inputs: TEXT }, {}, '/generate_stream'))
      meter.head(200, SSE_HEADERS)
      meter.data(Buffer.from(events.slice(0, count).join('')))
      const text = words.slice(0, count).join('')
      const expected = count === events.length ? [9, 5] : [10, Math.max(count, Math.ceil(text.length / 4))]
      expect(meter.settlement({ kind: 'interrupted' })).toMatchObject({
        input_tokens: expected[0],
        output_tokens: expected[1],
      })
    }
  })
})

it('the reader of every shape accepts any JSON without throwing', () => {
  const values = [null, 1, 'x', [], [null], {}, { usage: 1, data: 1 }, { type: 1, token: [], outputs: [1] }]
  for (const name of SHAPE_NAMES) {
    const shape = shapeFor(name, '')
    for (const value of values) {
      expect(() => shape?.readResponse(value)).not.toThrow()
      expect(() => shape?.readEvent(value)).not.toThrow()
    }
  }
})
