import { dirname, resolve } from 'node:path'
import type { PricesConfig } from '../config.js'
import type { Problems } from '../yaml/diagnostics.js'
import { string } from '../yaml/scalars.js'
import { substitute, type VariableSource } from '../yaml/variables.js'
import { readYaml } from '../yaml/yaml-document.js'
import { type ConfigNode, entryOf, isString } from '../yaml/yaml-node.js'
import { parsePriceList } from './price-file.js'

/** Prices of this age may be out of date, in milliseconds. */
const MAX_AGE_MS = 90 * 86_400_000

/** Decodes the path of the price list. */
export const decodePricesPath = string('prices.yaml')

/** Returns the path of the price list of a configuration; undefined if it has none. */
export function pricesPathOf(text: string, source: VariableSource, scratch: Problems): string | undefined {
  if (!/\bprices\b/.test(text)) return undefined
  const root = readYaml(text, scratch, '')
  const node = root && entryOf(substitute(root, source, scratch).root, 'prices')
  return node && isString(node) ? node.value : undefined
}

/**
 * Returns the price list of a configuration; undefined if it has none. Warns about prices that may be
 * out of date.
 *
 * @param file the name of the configuration file, to whose folder the path is relative
 * @throws ConfigError with every problem of the price list
 */
export function readPrices(
  root: ConfigNode,
  source: Pick<VariableSource, 'priceList'>,
  file: string,
  problems: Problems,
): PricesConfig | undefined {
  const node = entryOf(root, 'prices')
  // Another value is reported by its decoder.
  if (node === undefined || !isString(node)) return undefined
  const path = node.value
  let text: string
  try {
    text = source.priceList(path)
  } catch (error) {
    problems.at(node, (error as Error).message)
    return undefined
  }
  const resolved = resolve(dirname(file), path)
  const list = parsePriceList(text, resolved)
  if (list.asOf === undefined)
    problems.warn(node, `${path} does not state the date of its prices; add, for example, as_of: 2026-11-01`)
  else if (Date.now() - Date.parse(list.asOf) > MAX_AGE_MS)
    problems.warn(
      node,
      `the prices in ${path} are of ${list.asOf}, more than 90 days ago; check them and update 'as_of'`,
    )
  return { path, file: resolved, text, list }
}
