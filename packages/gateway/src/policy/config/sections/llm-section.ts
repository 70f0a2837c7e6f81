import type { ErrorShape } from 'sluice/http'
import { ERROR_SHAPES } from 'sluice/internal'
import { z } from 'zod'
import type { LlmOptions, LlmRouteOptions, WhenExhausted } from '../../llm/llm-call.js'
import type { ReserveMode } from '../../llm/prediction/output-predictor.js'
import { customShape } from '../../llm/shapes/custom-shape.js'
import type { Shape, ShapeFinder, Vendor } from '../../llm/shapes/shape.js'
import { AUTO, ENDABLE_SHAPES, routeShapeFor, SHAPE_NAMES, sampleOf } from '../../llm/shapes/shapes.js'
import { loadTokenizer, TOKENIZERS } from '../../llm/tokenizers.js'
import type { MirrorName } from '../../llm/vendor-headers.js'
import { type Decoder, mapOf, oneOrListOf, scalar, transform, withKeysOf } from '../yaml/decoders.js'
import { boolean, integer, isOff, type Off, off, timeout } from '../yaml/scalars.js'

/** The decoded `llm` of a route. */
export interface LlmSection {
  /** Undefined on a route that lists models. */
  readonly options: LlmRouteOptions | undefined
  /** The vendor whose rate-limit headers are added to responses. */
  readonly mirror: MirrorName | undefined
  /**
   * The API whose error format is added to the gateway's own answers; `auto` if it depends on the
   * path.
   */
  readonly errorShape: ErrorShape | 'auto' | undefined
  readonly maxRetryWaitMs: number
}

/** Output tokens reserved for a call without a stated maximum. */
const DEFAULT_OUTPUT = 1024
const DEFAULT_MAX_RETRY_WAIT_MS = 60_000
const MAX_DEFAULT_OUTPUT = 10_000_000
const MAX_POINTERS = 16

/**
 * Creates the decoder of a route's `llm`: how its model calls are metered.
 *
 * @param path the literal path of the route, which determines which of a vendor's shapes to use
 */
export function llmDecoder(path: string): Decoder<LlmSection> {
  const decodeShape = shapeDecoder(path)
  const llmMap = mapOf(
    {
      shape: decodeShape,
      default_output: integer(0, MAX_DEFAULT_OUTPUT),
      cached_weight: scalar(z.number().min(0).max(1000), 'a number from 0 to 1000'),
      tokenizer: transform(scalar(z.enum(TOKENIZERS), `one of ${TOKENIZERS.join(', ')}`), loadTokenizer),
      ask_for_usage: boolean,
      reserve: scalar(z.enum(['stated', 'learned', 'p90']), 'stated, learned or p90'),
      when_exhausted: scalar(z.enum(['finish', 'cut']), 'finish or cut'),
      mirror_headers: scalar(z.union([z.enum(['openai', 'anthropic']), ...off]), 'openai, anthropic or off'),
      error_shape: scalar(z.union([z.enum(ERROR_SHAPES), ...off]), `${ERROR_SHAPES.join(', ')} or off`),
      max_retry_wait: timeout,
    },
    `one of ${SHAPE_NAMES.join(', ')}, or a map such as { shape: openai, default_output: 500 }`,
  )
  return withKeysOf(llmMap, (node, problems) => {
    if (node.kind === 'scalar') {
      const shape = decodeShape(node, problems)
      return shape && sectionOf(shape, {})
    }
    const values = llmMap(node, problems)
    if (values === undefined) return undefined
    const { shape, ...others } = values
    if (shape !== undefined) {
      const problem = exhaustionProblem(shape, others)
      const at = node.kind === 'map' ? node.entries.get('when_exhausted')?.value : undefined
      if (problem !== undefined) problems.at(at ?? node, problem)
      return sectionOf(shape, others)
    }
    if (node.kind === 'map' && !node.entries.has('shape'))
      problems.at(node, "'llm' requires 'shape', such as openai")
    return undefined
  })
}

const VENDORS = ['openai', 'anthropic', 'ollama'] as const

/** Decodes the `llm` of a route that lists models: the API, which determines the format of errors. */
export const decodeListVendor: Decoder<LlmSection> = transform(
  scalar(z.enum(VENDORS), `one of ${VENDORS.join(', ')}`),
  (vendor) => ({
    options: undefined,
    mirror: undefined,
    errorShape: vendor,
    maxRetryWaitMs: DEFAULT_MAX_RETRY_WAIT_MS,
  }),
)

interface MeteringSettings {
  readonly default_output?: number
  readonly cached_weight?: number
  readonly tokenizer?: LlmOptions['tokenizer']
  readonly ask_for_usage?: boolean
  readonly reserve?: 'stated' | ReserveMode
  readonly when_exhausted?: WhenExhausted
}

interface Settings extends MeteringSettings {
  readonly mirror_headers?: MirrorName | Off
  readonly error_shape?: ErrorShape | Off
  readonly max_retry_wait?: number
}

/** The vendors whose rate-limit headers are known. */
function mirrorOf(vendor: Vendor | undefined): MirrorName | Off {
  return vendor === 'openai' || vendor === 'anthropic' ? vendor : 'off'
}

/** Applies the defaults of the shape: its vendor's headers and errors. */
function sectionOf({ shape, sample, isAuto }: ChosenShape, settings: Settings): LlmSection {
  const { vendor, errors } = sample ?? {}
  const {
    mirror_headers: mirror = mirrorOf(vendor),
    // Most APIs without a shape of their own resemble that of OpenAI.
    error_shape: errorShape = isAuto ? AUTO : (vendor ?? errors ?? 'openai'),
    max_retry_wait: maxRetryWaitMs = DEFAULT_MAX_RETRY_WAIT_MS,
    ...others
  } = settings
  return {
    options: optionsOf(shape, others),
    mirror: isOff(mirror) ? undefined : mirror,
    errorShape: isOff(errorShape) ? undefined : errorShape,
    maxRetryWaitMs,
  }
}

function optionsOf(shape: ChosenShape['shape'], values: MeteringSettings): LlmRouteOptions {
  return {
    shape,
    defaultOutput: values.default_output ?? DEFAULT_OUTPUT,
    cachedWeight: values.cached_weight ?? 1,
    asksForUsage: values.ask_for_usage ?? true,
    ...(values.tokenizer && { tokenizer: values.tokenizer }),
    ...reserveOptions(values),
  }
}

/** Returns what is wrong with `when_exhausted`; undefined if nothing is. */
function exhaustionProblem(
  { shape }: ChosenShape,
  { reserve, when_exhausted: whenExhausted }: MeteringSettings,
): string | undefined {
  if (whenExhausted === undefined) return undefined
  if (reserve === undefined || reserve === 'stated')
    return "'when_exhausted' applies only with 'reserve: learned' or 'reserve: p90'; remove it, or add 'reserve'"
  if (whenExhausted === 'finish' || typeof shape === 'function' || shape.endingOf !== undefined)
    return undefined
  return `the gateway cannot end a stream of the shape '${shape.name}' early; write finish. Streams of ${ENDABLE_SHAPES.join(', ')} can be cut`
}

function reserveOptions({
  reserve = 'stated',
  when_exhausted: whenExhausted = 'finish',
}: MeteringSettings): Pick<LlmRouteOptions, 'reserve'> {
  return reserve === 'stated' ? {} : { reserve: { mode: reserve, whenExhausted } }
}

/** The shape of a route, and the one from which it takes its headers and errors. */
interface ChosenShape {
  readonly shape: Shape | ShapeFinder
  readonly sample: Shape | undefined
  /** True if the errors depend on the path of the request. */
  readonly isAuto: boolean
}

function shapeDecoder(path: string): Decoder<ChosenShape> {
  const expected = `one of ${SHAPE_NAMES.join(', ')}, or a map of JSON pointers such as { input: [/prompt] }`
  const shapeName = scalar(z.enum(SHAPE_NAMES as [string, ...string[]]), expected)
  return withKeysOf(pointerMap, (node, problems) => {
    if (node.kind === 'map') {
      const shape = pointerMap(node, problems)
      return shape && { shape, sample: shape, isAuto: false }
    }
    const name = shapeName(node, problems)
    if (name === undefined) return undefined
    const shape = routeShapeFor(name, path)
    if (shape !== undefined) {
      const isOpen = typeof shape === 'function'
      return { shape, sample: isOpen ? sampleOf(name) : shape, isAuto: name === AUTO }
    }
    problems.at(
      node,
      `the path of this route does not determine which '${name}' shape to use; write one of ${shapesOf(name)}`,
    )
    return undefined
  })
}

function shapesOf(name: string): string {
  return SHAPE_NAMES.filter((shape) => name === AUTO || shape.startsWith(`${name}-`))
    .filter((shape) => shape !== AUTO)
    .join(', ')
}

const pointer = scalar(z.string(), 'a JSON pointer such as /usage/input')
const pointers = oneOrListOf(pointer, 'a list of JSON pointers', MAX_POINTERS)

/** Decodes a custom shape. */
const pointerMap: Decoder<Shape> = transform(
  mapOf(
    {
      input: pointers,
      max_output: pointers,
      answers: pointer,
      model: pointer,
      stream: pointer,
      usage: mapOf(
        { input: pointer, output: pointer, cached: pointer, total: pointer },
        'a map such as { input: /usage/input, output: /usage/output }',
      ),
      text: pointer,
    },
    'a map of JSON pointers',
  ),
  ({ input = [], max_output: maxOutput, usage = {}, ...others }) =>
    customShape({ input, usage, ...(maxOutput && { maxOutput }), ...others }),
)
