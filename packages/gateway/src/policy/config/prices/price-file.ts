import type { ModelPrice } from 'sluice'
import { isCurrency, unitsOf } from 'sluice/internal'
import { z } from 'zod'
import { type ListedPrice, MAX_PRICED_NAME, PriceList } from '../../llm/price-list.js'
import { type Decoder, mapOf, recordOf, scalar, transform, withKeysOf } from '../yaml/decoders.js'
import { ConfigError, Problems } from '../yaml/diagnostics.js'
import { string } from '../yaml/scalars.js'
import { readYaml } from '../yaml/yaml-document.js'
import { entryOf } from '../yaml/yaml-node.js'

/** Maximum number of models and patterns in a price list. */
const MAX_MODELS = 10_000
/** Maximum number of values in the file: enough for ten of each model. */
const MAX_VALUES = 11 * MAX_MODELS
const MAX_PRICE = 1_000_000

const EXAMPLE = 'models: { big: { input: 2.5, output: 10 } }'

const currency: Decoder<string> = scalar(
  z.string().refine(isCurrency),
  'a code of three capital letters such as USD',
)

const date: Decoder<string> = transform(string('2026-11-01'), (written) => {
  const isDate = /^\d{4}-\d\d-\d\d$/.test(written)
  if (!isDate || !new Date(`${written}T00:00:00Z`).toJSON()?.startsWith(written))
    throw new TypeError("'as_of' must be a date such as 2026-11-01")
  return written
})

const price: Decoder<number> = scalar(
  z
    .number()
    .min(0)
    .max(MAX_PRICE)
    .refine((value) => unitsOf(String(value)) !== undefined),
  'a number from 0 to a million, with at most nine digits after the point',
)

const priceMap = mapOf(
  {
    input: price,
    cached_input: price,
    cache_write: price,
    output: price,
    reasoning: price,
    image: price,
    audio_second: price,
    request: price,
  },
  'a map of prices such as { input: 2.5, output: 10 }',
)

const modelPrice: Decoder<ModelPrice> = withKeysOf(priceMap, (node, problems) => {
  const values = priceMap(node, problems)
  if (values === undefined) return undefined
  for (const name of ['input', 'output'] as const)
    if (entryOf(node, name) === undefined)
      problems.at(
        node,
        `${node.label} requires '${name}', the price of a million ${name} tokens; write 0 if there are none`,
      )
  const { input = 0, cached_input, cache_write, output = 0, reasoning, image, audio_second, request } = values
  return {
    ...{ input, output },
    ...(cached_input !== undefined && { cachedInput: cached_input }),
    ...(cache_write !== undefined && { cacheWrite: cache_write }),
    ...(reasoning !== undefined && { reasoning }),
    ...(image !== undefined && { image }),
    ...(audio_second !== undefined && { audioSecond: audio_second }),
    ...(request !== undefined && { request }),
  }
})

const readFile = mapOf(
  { currency, as_of: date, models: recordOf(modelPrice, `a map such as ${EXAMPLE}`, MAX_MODELS) },
  `a map with 'currency' and 'models'`,
)

/**
 * Parses the contents of a price list.
 *
 * @param file the file name, for messages
 * @throws ConfigError with every problem
 */
export function parsePriceList(text: string, file: string): PriceList {
  const problems = new Problems(text)
  const root = readYaml(text, problems, `write at least 'currency: USD' and '${EXAMPLE}'`, MAX_VALUES)
  const values = root && readFile(root, problems)
  const models = root && entryOf(root, 'models')
  if (root?.kind === 'map') {
    if (!root.entries.has('currency'))
      problems.at(root, "a price list requires 'currency', such as currency: USD")
    if (models === undefined || (models.kind === 'map' && models.entries.size === 0))
      problems.at(models ?? root, `a price list requires at least one model, such as ${EXAMPLE}`)
  }
  if (models?.kind === 'map')
    for (const [name, { keyStart }] of models.entries)
      if (name === '' || name.length > MAX_PRICED_NAME)
        problems.add(keyStart, `the name of a model must have 1 to ${MAX_PRICED_NAME} characters`)
  if (values?.currency === undefined || values.models === undefined || problems.count > 0)
    throw new ConfigError(file, problems.inOrder())
  const listed = Object.entries(values.models).map(
    ([pattern, each]): ListedPrice => ({ pattern, price: each }),
  )
  return new PriceList(values.currency, values.as_of, listed)
}
