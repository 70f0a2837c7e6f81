import { jsonPointer, RequestError } from 'sluice'
import { countPrompts } from '../request/input-text.js'
import {
  checkedNumber,
  isFields,
  MAX_ANSWERS,
  statedFlag,
  statedMaximum,
  statedModel,
} from '../request/json-fields.js'
import { rejectOtherCaseIn } from '../request/member-spelling.js'
import { asTokenCount, type Usage } from '../usage.js'
import { hasError } from './error-body.js'
import { textsWithin } from './output-text.js'
import type { Reading, Shape } from './shape.js'

/** JSON pointers, such as `/usage/in`, to the counted values of an API without a built-in shape. */
export interface CustomPointers {
  /**
   * In the request: the input, as a string, a list of strings, or messages. At least one value must
   * be present.
   */
  readonly input: readonly string[]
  /** In the request: the maximum output. The largest value counts. */
  readonly maxOutput?: readonly string[]
  /** In the request: the number of answers. */
  readonly answers?: string
  readonly model?: string
  readonly stream?: string
  /** In the response, or in the events of a stream. Input includes cached tokens. */
  readonly usage: {
    readonly input?: string
    readonly output?: string
    readonly cached?: string
    readonly total?: string
  }
  /** In a response or an event: the text that the model wrote. */
  readonly text?: string
}

/**
 * Creates a shape from pointers.
 *
 * @throws TypeError or SyntaxError if a pointer is invalid, or there is no pointer to the input
 */
export function customShape(pointers: CustomPointers): Shape {
  if (pointers.input.length === 0)
    throw new TypeError('a custom shape requires a pointer to the input, as in { input: /prompt }')
  const inputs = pointers.input.map(jsonPointer)
  const maxOutputs = (pointers.maxOutput ?? []).map((name) => ({ name, find: jsonPointer(name) }))
  const answers = optional(pointers.answers)
  const model = optional(pointers.model)
  const stream = optional(pointers.stream)
  const text = optional(pointers.text)
  const usageOf = usageReader(pointers.usage)
  const requestPointers = [
    ...pointers.input,
    ...(pointers.maxOutput ?? []),
    ...[pointers.answers, pointers.model, pointers.stream].filter((pointer) => pointer !== undefined),
  ]

  const read = (value: unknown): Reading | undefined => {
    if (!isFields(value)) return undefined
    const usage = usageOf(value)
    const found = text(value)
    const failed = hasError(value)
    const isWritten = found !== undefined && found !== null
    if (!isWritten && !failed && Object.values(usage).every((count) => count === undefined)) return undefined
    return { usage, texts: textsWithin(found), failed }
  }
  return {
    name: 'custom',
    vendor: undefined,
    operation: 'generate_content',
    usageOnRequest: false,
    modelPointer: pointers.model ?? '',
    readRequest(body, input) {
      for (const pointer of requestPointers) rejectOtherCaseIn(body, pointer)
      const found = inputs.map((find) => find(body)).filter((value) => value !== undefined)
      if (found.length === 0)
        throw new RequestError(`the request body must contain '${pointers.input.join("' or '")}'`)
      for (const value of found) countPrompts(value, input)
      return {
        model: statedModel(model(body)),
        stream: statedFlag(stream(body), pointers.stream ?? ''),
        wantsUsage: true,
        maxOutput: statedMaximum(maxOutputs.map(({ name, find }) => ({ name, value: find(body) }))),
        answers: checkedNumber(answers(body), pointers.answers ?? '', 1, MAX_ANSWERS) ?? 1,
      }
    },
    readResponse: read,
    readEvent: read,
  }
}

function usageReader(pointers: CustomPointers['usage']): (value: unknown) => Usage {
  const input = optional(pointers.input)
  const output = optional(pointers.output)
  const cached = optional(pointers.cached)
  const total = optional(pointers.total)
  return (value) => ({
    input: asTokenCount(input(value)),
    output: asTokenCount(output(value)),
    cached: asTokenCount(cached(value)),
    total: asTokenCount(total(value)),
  })
}

function optional(pointer: string | undefined): (value: unknown) => unknown {
  return pointer === undefined ? () => undefined : jsonPointer(pointer)
}
