import fc from 'fast-check'
import { RequestError } from 'sluice'
import { describe, expect, it } from 'vitest'
import { requestUsage } from '../../../src/policy/llm/include-usage.js'
import { membersOf } from '../../../src/policy/llm/request/duplicate-keys.js'
import { anthropicMessages } from '../../../src/policy/llm/shapes/anthropic-messages.js'
import { openAIChat } from '../../../src/policy/llm/shapes/openai-chat.js'
import { callOf, chat } from './llm-requests.js'

const SEED = 20261126

/** JSON objects with white space at every allowed position, some with escaped member names. */
const spacedObject = fc
  .tuple(
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 6 }), fc.jsonValue({ maxDepth: 3 })),
    fc.constantFrom('', ' ', '\n\t', '\r\n  '),
  )
  .map(([object, space]) => {
    const members = Object.entries(object).map(
      ([name, value]) =>
        `${JSON.stringify(name)}${space}:${space}${JSON.stringify(value, null, space.length)}${space}`,
    )
    return `${space}{${space}${members.join(`,${space}`)}}${space}`
  })

describe('the members of a JSON object', () => {
  it('are found at their positions', () => {
    fc.assert(
      fc.property(spacedObject, (text) => {
        const json = Buffer.from(text)
        const found = [...membersOf(json)].map(({ name, valueStart, valueEnd }) => [
          name,
          JSON.parse(json.toString('utf8', valueStart, valueEnd)),
        ])
        const expected: object = JSON.parse(text)
        expect(found).toEqual(Object.entries(expected).sort(byPositionIn(found)))
      }),
      { seed: SEED },
    )
  })

  it('may have the names of inherited properties, which are not read', () => {
    expect(() => callOf(openAIChat, '{"__proto__": {"messages": []}}')).toThrow("'messages'")
    const body = '{"messages": [], "__proto__": {"max_tokens": 5}, "constructor": 1, "toString": 2}'
    expect(callOf(openAIChat, body).reservation).toMatchObject({ stated: false })
  })
})

describe('an unusual request body', () => {
  it.each(['[]', '7', '"text"', 'null', 'true'])('is rejected if it is %s', (body) => {
    expect(() => callOf(openAIChat, body)).toThrow(RequestError)
  })

  it('may be nested very deeply', () => {
    const deep = `${'['.repeat(100_000)}"${'x'.repeat(40)}"${']'.repeat(100_000)}`
    expect(callOf(openAIChat, `{"messages": ${deep}, "tools": ${deep}}`).reservation.input).toBe(20)
    const objects = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
    expect(callOf(openAIChat, `{"messages": [], "tools": ${objects}}`).reservation.input).toBe(50_001)
  })

  it('may be very long', () => {
    const list = `[${'{},'.repeat(300_000)}{}]`
    expect(callOf(openAIChat, `{"messages": ${list}}`).reservation.input).toBe(0)
    const names = Array.from({ length: 100_000 }, (_, index) => `"m${index}":0`).join()
    expect(callOf(openAIChat, `{"messages": [], ${names}}`).reservation.input).toBe(0)
  })

  it('is either read or rejected with a RequestError', () => {
    const names = [
      'messages',
      'max_tokens',
      'n',
      'stream',
      'stream_options',
      'tools',
      'model',
      'response_format',
    ]
    const anyBody = fc.dictionary(fc.constantFrom(...names), fc.jsonValue())
    fc.assert(
      fc.property(anyBody, (body) => {
        try {
          const { input, output, total } = callOf(openAIChat, body).reservation
          expect(Number.isInteger(input) && Number.isInteger(output) && input >= 0 && output >= 0).toBe(true)
          expect(total).toBe(input + output)
        } catch (error) {
          expect(error).toBeInstanceOf(RequestError)
        }
      }),
      { seed: SEED, numRuns: 500 },
    )
  })
})

describe('the request for the usage of a stream', () => {
  const send = (json: string) => {
    const { parameters, options } = callOf(openAIChat, json)
    const { body, hidesUsage } = requestUsage(options.shape, parameters, Buffer.from(json))
    return { text: body.toString(), hidesUsage }
  }

  it.each([
    [
      '{ "seed": 9223372036854775807, "messages": [], "stream": true, "temperature": 1.0 }',
      '{"stream_options":{"include_usage":true}, "seed": 9223372036854775807, "messages": [], "stream": true, "temperature": 1.0 }',
    ],
    [
      '{"messages":[],"stream":true,"stream_options": null}',
      '{"messages":[],"stream":true,"stream_options": {"include_usage":true}}',
    ],
    [
      '{"messages":[],"stream":true,"stream_options":{"include_obfuscation":false}}',
      '{"messages":[],"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}',
    ],
    [
      '{"messages":[],"stream\\u005foptions":{ "include_usage" : false , "a":1},"stream":true}',
      '{"messages":[],"stream\\u005foptions":{ "include_usage" : true , "a":1},"stream":true}',
    ],
  ])('is added to the body %s', (json, sent) => {
    expect(send(json)).toEqual({ text: sent, hidesUsage: true })
  })

  it.each([
    '{"messages":[],"stream":true,"stream_options":{"include_usage":true}}',
    '{"messages":[],"stream":false}',
    '{"messages":[]}',
  ])('is not added to the body %s', (json) => {
    expect(send(json)).toEqual({ text: json, hidesUsage: false })
  })

  it('is not added for a shape that always reports its usage', () => {
    const { parameters } = callOf(anthropicMessages, { messages: [], stream: true })
    const json = Buffer.from('{}')
    expect(requestUsage(anthropicMessages, parameters, json)).toEqual({ body: json, hidesUsage: false })
  })

  it('leaves every other member of the body unchanged', () => {
    const { parameters, options } = chat(4)
    fc.assert(
      fc.property(spacedObject, (text) => {
        const { body } = requestUsage(options.shape, parameters, Buffer.from(text))
        const option = '"stream_options":{"include_usage":true}'
        const { stream_options: sent, ...rest } = JSON.parse(body.toString())
        expect(sent).toEqual({ include_usage: true })
        expect(rest).toEqual(JSON.parse(text))
        expect([text, text.replace('{', '{,')]).toContain(
          body.toString().replace(option, '').replace('{,', '{'),
        )
      }),
      { seed: SEED },
    )
  })
})

/** Orders members as in the JSON string, because objects list numeric names first. */
function byPositionIn(found: readonly (readonly unknown[])[]) {
  const position = (name: string) => found.findIndex(([each]) => each === name)
  return ([one]: [string, unknown], [other]: [string, unknown]) => position(one) - position(other)
}
