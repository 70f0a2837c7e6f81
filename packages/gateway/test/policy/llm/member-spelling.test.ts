import { expect, it } from 'vitest'
import { customShape } from '../../../src/policy/llm/shapes/custom-shape.js'
import { SHAPE_NAMES, shapeFor } from '../../../src/policy/llm/shapes/shapes.js'
import { callOf } from './llm-requests.js'

const BODY = { messages: [{ content: 'x', Content: 'y' }], prompt: 'x', input: 'x', Name: 'x' }

it.each(SHAPE_NAMES.flatMap((name) => shapeFor(name, '/v1/messages') ?? []))(
  '$name refuses members in other letters, which servers in Go take for the same',
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

it('an API of its own has names of its own', () => {
  const shape = customShape({ input: ['/Input'], usage: {} })
  expect(() => callOf(shape, { Input: 'x', N: 1 })).not.toThrow()
})
