import { expect, it } from 'vitest'
import { customShape } from '../../../src/policy/llm/shapes/custom-shape.js'
import { SHAPE_NAMES, shapeFor } from '../../../src/policy/llm/shapes/shapes.js'
import { callOf } from './llm-requests.js'

const CONTENT = { parts: [{ text: 'x' }] }
const BODY = {
  ...{ messages: [{ content: 'x', Content: 'y' }], prompt: 'x', input: 'x', Name: 'x' },
  ...{ content: CONTENT, contents: [CONTENT], query: 'x', documents: [], inputs: [], text_input: 'x' },
}

/** Shapes that read JSON. */
const SHAPES = SHAPE_NAMES.flatMap((name) => shapeFor(name, '/v1/messages') ?? []).filter(
  ({ name }) => name !== 'openai-transcriptions',
)

it.each(SHAPES)(
  '$name rejects members in another letter case, which servers in Go treat as equal',
  (shape) => {
    expect(() => callOf(shape, BODY)).not.toThrow()
    for (const [more, name] of [
      [{ max_tokens: 1, Max_Tokens: 9 }, 'Max_Tokens'],
      [{ N: 8 }, 'N'],
      [{ ſtream: false }, 'ſtream'],
      [{ 'max_to\u212Aens': 9 }, 'max_to\u212Aens'],
      [{ Stream_Options: null }, 'Stream_Options'],
      [{ stream_options: { Include_usage: false } }, 'Include_usage'],
      [{ Options: { num_predict: 9 } }, 'Options'],
      [{ options: { NUM_PREDICT: 9 } }, 'NUM_PREDICT'],
    ] as const)
      expect(() => callOf(shape, { ...BODY, ...more })).toThrow(`'${name}' must be written '`)
  },
)

it('a custom API accepts its own member names', () => {
  const shape = customShape({ input: ['/Input'], usage: {} })
  expect(() => callOf(shape, { Input: 'x', N: 1 })).not.toThrow()
})

it('a custom API rejects its member names in another letter case at any depth', () => {
  const shape = customShape({
    input: ['/inputs', '/list/0/text'],
    maxOutput: ['/parameters/max_new_tokens', '/max~1tokens'],
    answers: '/n',
    model: '/model',
    stream: '/stream',
    usage: {},
  })
  const body = {
    inputs: 'x',
    list: [{ text: 'x' }],
    parameters: { max_new_tokens: 1 },
    'max/tokens': 1,
    n: 1,
  }
  expect(() => callOf(shape, { ...body, INPUT: 'x', parameters: { Other: 1 } })).not.toThrow()
  for (const [more, name] of [
    [{ Inputs: 'x' }, 'Inputs'],
    [{ list: [{ text: 'x', TEXT: 'y' }] }, 'TEXT'],
    [{ Parameters: {} }, 'Parameters'],
    [{ parameters: { max_new_tokens: 1, Max_New_Tokens: 9 } }, 'Max_New_Tokens'],
    [{ 'Max/Tokens': 9 }, 'Max/Tokens'],
    [{ N: 8 }, 'N'],
    [{ Model: 'm' }, 'Model'],
    [{ \u017ftream: false }, '\u017ftream'],
  ] as const)
    expect(() => callOf(shape, { ...body, ...more })).toThrow(`'${name}' must be written '`)
})
