import { z } from 'zod'
import type { LlmOptions } from '../../llm/llm-call.js'
import { customShape } from '../../llm/shapes/custom-shape.js'
import type { Shape } from '../../llm/shapes/shape.js'
import { SHAPE_NAMES, shapeFor } from '../../llm/shapes/shapes.js'
import { loadTokenizer, TOKENIZERS } from '../../llm/tokenizers.js'
import type { MirrorName } from '../../llm/vendor-headers.js'
import { listOf, made, mapOf, type Read, single } from '../yaml/decoders.js'
import { wholeNumber, yesOrNo } from '../yaml/scalars.js'

/** `llm`: how the calls of a model that a route takes are read. */

export interface ReadLlm {
  readonly options: LlmOptions
  readonly mirror: MirrorName | undefined
}

/** Tokens of output that are reserved for an answer whose request states no maximum. */
const DEFAULT_OUTPUT = 1024
const MAX_DEFAULT_OUTPUT = 10_000_000
const MAX_POINTERS = 16

/** @param path of the route's pattern, which tells which of a vendor's shapes its calls have */
export function readLlm(path: string): Read<ReadLlm> {
  const readMap = mapOf(
    {
      shape: shapeReader(path),
      default_output: wholeNumber(0, MAX_DEFAULT_OUTPUT),
      cached_weight: single(z.number().min(0).max(1000), 'a number from 0 to 1000'),
      tokenizer: made(single(z.enum(TOKENIZERS), `one of ${TOKENIZERS.join(', ')}`), loadTokenizer),
      ask_for_usage: yesOrNo,
      mirror_headers: single(z.enum(['openai', 'anthropic']), "'openai' or 'anthropic'"),
    },
    `one of ${SHAPE_NAMES.join(', ')}, or a map such as { shape: openai, default_output: 500 }`,
  )
  return (node, problems) => {
    if (node.kind === 'scalar') {
      const shape = shapeReader(path)(node, problems)
      return shape && { options: optionsOf(shape, {}), mirror: undefined }
    }
    const values = readMap(node, problems)
    if (values === undefined) return undefined
    const { shape, mirror_headers: mirror, ...others } = values
    if (shape !== undefined) return { options: optionsOf(shape, others), mirror }
    if (node.kind === 'map' && !node.entries.has('shape'))
      problems.at(node, "an 'llm' has a 'shape', such as openai")
    return undefined
  }
}

function optionsOf(
  shape: Shape,
  values: {
    readonly default_output?: number
    readonly cached_weight?: number
    readonly tokenizer?: LlmOptions['tokenizer']
    readonly ask_for_usage?: boolean
  },
): LlmOptions {
  return {
    shape,
    defaultOutput: values.default_output ?? DEFAULT_OUTPUT,
    cachedWeight: values.cached_weight ?? 1,
    asksForUsage: values.ask_for_usage ?? true,
    ...(values.tokenizer && { tokenizer: values.tokenizer }),
  }
}

function shapeReader(path: string): Read<Shape> {
  const wanted = `one of ${SHAPE_NAMES.join(', ')}, or a map of JSON pointers such as { input: [/prompt] }`
  const readName = single(z.enum(SHAPE_NAMES as [string, ...string[]]), wanted)
  return (node, problems) => {
    if (node.kind === 'map') return readPointers(node, problems)
    const name = readName(node, problems)
    if (name === undefined) return undefined
    const shape = shapeFor(name, path)
    if (shape === undefined)
      problems.at(
        node,
        `which shape of '${name}' the calls have is not told by the path; write one of ${shapesOf(name)}`,
      )
    return shape
  }
}

function shapesOf(vendor: string): string {
  return SHAPE_NAMES.filter((name) => name.startsWith(`${vendor}-`)).join(', ')
}

const pointer = single(z.string(), 'a JSON pointer such as /usage/input')
const pointers: Read<readonly string[]> = (node, problems) =>
  node.kind === 'list'
    ? listOf(pointer, 'a list of JSON pointers', MAX_POINTERS)(node, problems)
    : listOfOne(pointer(node, problems))

function listOfOne(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value]
}

const USAGE = { input: pointer, output: pointer, cached: pointer, total: pointer }

const POINTERS = {
  input: pointers,
  max_output: pointers,
  answers: pointer,
  model: pointer,
  stream: pointer,
  usage: mapOf(USAGE, 'a map such as { input: /usage/input, output: /usage/output }'),
  text: pointer,
}

const readPointers: Read<Shape> = made(
  mapOf(POINTERS, 'a map of JSON pointers'),
  ({ input = [], max_output: maxOutput, usage = {}, ...others }) =>
    customShape({ input, usage, ...(maxOutput && { maxOutput }), ...others }),
)
