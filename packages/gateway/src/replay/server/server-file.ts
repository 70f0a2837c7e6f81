import { basename } from 'node:path'
import { nearest } from 'sluice/internal'
import { z } from 'zod'
import { UnreadableFileError } from '../../policy/config/files/bounded-read.js'
import { readTextFile } from '../../policy/config/load-config.js'
import { type Decoder, mapOf, scalar, transform } from '../../policy/config/yaml/decoders.js'
import { ConfigError, Problems } from '../../policy/config/yaml/diagnostics.js'
import { integer, timeout } from '../../policy/config/yaml/scalars.js'
import { readYaml } from '../../policy/config/yaml/yaml-document.js'
import { type ConfigNode, entryOf } from '../../policy/config/yaml/yaml-node.js'
import { SERVER_PRESETS, type ServerPreset } from './presets.js'
import type { ServerFigures } from './server-figures.js'
import type { GoodputTarget, ServerSetup } from './server-setup.js'

const MAX_TOKENS = 1_000_000_000
/** A step of an hour is no server. */
const MAX_STEP_MS = 3_600_000

const DEFAULT_GOODPUT: GoodputTarget = { firstTokenMs: 2000, gapMs: 100 }

const PRESET_NAMES = Object.keys(SERVER_PRESETS) as ServerPreset[]
const HINT = `write at least 'preset: ${PRESET_NAMES[0]}'`
const STEP_EXAMPLE = '{ fixed: 16.44ms, per_prefill_token: 47.8us, per_request: 18.2us }'

/** The keys that a server without a preset requires, each with an example. */
const REQUIRED = {
  step: STEP_EXAMPLE,
  kv_tokens: '467_280',
  max_seqs: '256',
  max_batched_tokens: '2048',
}

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ['us', 0.001],
  ['µs', 0.001],
  ['ms', 1],
  ['s', 1000],
])

/** Decodes a part of the duration of a step, in milliseconds. It may be in microseconds, or 0. */
const stepTime: Decoder<number> = transform(
  scalar(z.union([z.string(), z.literal(0)]), 'a duration with a unit, such as 16.44ms or 47.8us'),
  (written) => {
    if (written === 0) return 0
    const [, digits = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?)\s*([a-zµ]+)$/.exec(written.trim()) ?? []
    const milliseconds = Number(digits) * (UNITS_MS.get(unit) ?? Number.NaN)
    if (!Number.isFinite(milliseconds) || digits === '')
      throw new RangeError(
        `'${written.slice(0, 40)}' is not a duration of a step; write, for example, 16.44ms or 47.8us`,
      )
    if (milliseconds > MAX_STEP_MS) throw new RangeError('a step takes at most an hour')
    return milliseconds
  },
)

const serverMap = mapOf(
  {
    preset: scalar(z.enum(PRESET_NAMES), `one of ${PRESET_NAMES.join(', ')}`),
    step: mapOf(
      { fixed: stepTime, per_prefill_token: stepTime, per_request: stepTime },
      `a map such as ${STEP_EXAMPLE}`,
    ),
    kv_tokens: integer(1, MAX_TOKENS),
    max_seqs: integer(1, 100_000),
    max_batched_tokens: integer(1, 10_000_000),
    admits: scalar(z.enum(['prompt', 'peak']), 'prompt or peak'),
    replicas: integer(1, 1000),
    goodput: mapOf({ first_token: timeout, gap: timeout }, 'a map such as { first_token: 2s, gap: 100ms }'),
  },
  'a map of figures',
)

/**
 * Returns a preset, or reads the file that describes a server.
 *
 * @param source the name of a preset, or a path
 * @throws ConfigError that lists every problem in the file, or states why it cannot be read
 */
export async function loadServer(source: string): Promise<ServerSetup> {
  if (isPreset(source)) return { name: source, figures: SERVER_PRESETS[source], goodput: DEFAULT_GOODPUT }
  return parseServer(await readText(source), source)
}

/** Parses the description of a server. @throws ConfigError that lists every problem */
export function parseServer(text: string, file: string): ServerSetup {
  const problems = new Problems(text)
  const root = readYaml(text, problems, HINT)
  const setup = root && decodeServer(root, file, problems)
  if (setup === undefined || problems.count > 0) throw new ConfigError(file, problems.inOrder())
  return setup
}

function decodeServer(root: ConfigNode, file: string, problems: Problems): ServerSetup | undefined {
  const values = serverMap(root, problems)
  if (values === undefined || root.kind !== 'map') return undefined
  const preset = values.preset && SERVER_PRESETS[values.preset]
  if (!root.entries.has('preset'))
    for (const [key, example] of Object.entries(REQUIRED))
      if (!root.entries.has(key))
        problems.at(root, `'${key}' is missing; write '${key}: ${example}', or name a preset`)
  const { fixed, per_prefill_token, per_request } = values.step ?? {}
  const figures: ServerFigures = {
    step: {
      fixedMs: fixed ?? preset?.step.fixedMs ?? 0,
      perPrefillTokenMs: per_prefill_token ?? preset?.step.perPrefillTokenMs ?? 0,
      perRequestMs: per_request ?? preset?.step.perRequestMs ?? 0,
    },
    kvTokens: values.kv_tokens ?? preset?.kvTokens ?? 1,
    maxSeqs: values.max_seqs ?? preset?.maxSeqs ?? 1,
    maxBatchedTokens: values.max_batched_tokens ?? preset?.maxBatchedTokens ?? 1,
    admits: values.admits ?? preset?.admits ?? 'prompt',
    replicas: values.replicas ?? preset?.replicas ?? 1,
  }
  const stepNode = entryOf(root, 'step')
  if (stepNode !== undefined && figures.step.fixedMs === 0 && problems.count === 0)
    problems.at(stepNode, `'fixed' must be more than 0, because every step takes time: ${STEP_EXAMPLE}`)
  if (figures.maxSeqs > figures.maxBatchedTokens && problems.count === 0)
    problems.at(
      entryOf(root, 'max_seqs') ?? entryOf(root, 'max_batched_tokens') ?? root,
      `'max_seqs' must be at most 'max_batched_tokens', here ${figures.maxBatchedTokens}, because every running request writes a token in each step`,
    )
  const { first_token, gap } = values.goodput ?? {}
  const goodput = {
    firstTokenMs: first_token ?? DEFAULT_GOODPUT.firstTokenMs,
    gapMs: gap ?? DEFAULT_GOODPUT.gapMs,
  }
  return { name: basename(file), figures, goodput }
}

async function readText(file: string): Promise<string> {
  try {
    return await readTextFile(file)
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error
    const meant = nearest(file, PRESET_NAMES)
    const presets =
      meant === undefined ? `the presets are ${PRESET_NAMES.join(', ')}` : `did you mean '${meant}'?`
    throw new ConfigError(file, [{ line: 1, column: 1, message: `${error.message}; ${presets}` }])
  }
}

function isPreset(source: string): source is ServerPreset {
  return Object.hasOwn(SERVER_PRESETS, source)
}
