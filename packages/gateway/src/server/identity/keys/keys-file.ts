import { type KeyLookup, keyTable } from 'sluice/identity'
import { labelNameProblem } from 'sluice/internal'
import { z } from 'zod'
import { type ClientLimit, type LimitedConfig, unfitLimits } from '../../../policy/client-limits.js'
import { ConfigError, readConfigFile } from '../../../policy/config/load-config.js'
import {
  type Decoder,
  listOf,
  mapOf,
  recordOf,
  scalar,
  transform,
  withKeysOf,
} from '../../../policy/config/yaml/decoders.js'
import { Problems } from '../../../policy/config/yaml/diagnostics.js'
import { string } from '../../../policy/config/yaml/scalars.js'
import { sha256Of } from '../../../policy/config/yaml/sha256.js'
import { readYaml } from '../../../policy/config/yaml/yaml-document.js'
import { type ConfigNode, entryOf } from '../../../policy/config/yaml/yaml-node.js'
import { checkKeyLimit, clientLimitsOf, type KeyLimits, MAX_LIMITS, MAX_SCALE } from './key-limits.js'
import type { KeyRecord } from './key-store.js'
import { parseMoment } from './moment.js'

/**
 * Maximum number of keys in a file. Servers with more keys can embed the library and look keys up
 * in a database.
 */
const MAX_KEYS = 5_000

/** The advice in messages about missing keys. */
const ADVICE = '`sluice key new` writes one'

const sha256 = sha256Of('a key', 'sluice key new')

const clientName: Decoder<string> = scalar(z.string().min(1).max(256), 'a string of 1 to 256 characters')

function momentOf(name: string): Decoder<number> {
  return transform(string('2027-01-31'), (written) => parseMoment(written, name))
}

/** Maximum number of labels of a key, and of values of a label. */
const MAX_LABELS = 32
const MAX_VALUES = 100

const labelMap = recordOf(
  (node, problems) => (node.kind === 'list' ? labelValues(node, problems) : clientName(node, problems)),
  'a map such as { org: acme, team: red }',
  MAX_LABELS,
)
const labelValues = listOf(clientName, 'a list of strings', MAX_VALUES)

const labels = withKeysOf(labelMap, (node, problems) => {
  for (const [name, { keyStart }] of node.kind === 'map' ? node.entries : []) {
    const problem = labelNameProblem(name)
    if (problem !== undefined) problems.add(keyStart, problem)
  }
  return labelMap(node, problems)
})

const limit: Decoder<string | number> = transform(
  scalar(
    z.union([z.string(), z.number().gt(0).max(MAX_SCALE)]),
    'a limit such as 100/minute, a multiplier such as 2, or unlimited',
  ),
  checkKeyLimit,
)

const limits = recordOf(limit, 'a map such as { requests: 100/minute, tokens: 2 }', MAX_LIMITS)

const readKey = mapOf(
  {
    ...{ sha256, client: clientName, tier: clientName, expires: momentOf('expires') },
    ...{ labels, limits, created: momentOf('created'), created_by: clientName },
  },
  'a map such as { sha256: …, client: acme, tier: premium }',
)

const readFile = mapOf(
  { keys: listOf(readKey, 'a list of keys such as [{ sha256: …, client: acme }]', MAX_KEYS) },
  'a map with a list of `keys`',
)

/** The keys in a file. */
export interface Keys {
  readonly lookup: KeyLookup
  /** The limits of single clients. */
  readonly limits: readonly ClientLimit[]
  /**
   * Checks whether the limits of clients fit the rules of a configuration.
   *
   * @throws ConfigError with every limit that does not
   */
  checkLimits(config: LimitedConfig): void
}

/** The limit of a client, and the node that it was decoded from. */
interface LocatedLimit extends ClientLimit {
  readonly node: ConfigNode
}

/**
 * Parses the contents of a keys file for lookups.
 *
 * @param file the file name, for messages
 * @throws ConfigError with every problem
 */
export function parseKeys(text: string, file: string): Keys {
  const { records, limits } = parseFile(text, file)
  return {
    lookup: keyTable(records),
    limits,
    checkLimits(config) {
      const found = new Problems(text)
      for (const { limit, message } of unfitLimits(limits, config))
        found.at((limit as LocatedLimit).node, message)
      if (found.count > 0) throw new ConfigError(file, found.inOrder())
    },
  }
}

/** Parses the keys in the contents of a keys file, as `parseKeys` does, in their order. */
export function parseKeyRecords(text: string, file: string): readonly KeyRecord[] {
  return parseFile(text, file).records
}

interface ParsedFile {
  readonly records: readonly KeyRecord[]
  readonly limits: readonly LocatedLimit[]
}

function parseFile(text: string, file: string): ParsedFile {
  const problems = new Problems(text)
  const root = readYaml(text, problems, ADVICE)
  const values = root && readFile(root, problems)
  const list = root?.kind === 'map' ? root.entries.get('keys')?.value : undefined
  if (root?.kind === 'map' && list === undefined)
    problems.at(root, `a keys file must contain a 'keys' list; ${ADVICE}`)
  // `values.keys` contains only the items that are maps.
  const nodes = list?.kind === 'list' ? list.items.filter((item) => item.kind === 'map') : []
  const seen = new Set<string>()
  const limits: LocatedLimit[] = []
  const records: KeyRecord[] = (values?.keys ?? []).flatMap((key, index) => {
    const node = nodes[index]
    const { sha256: digest, client, created_by: createdBy, ...others } = key
    if (digest === undefined || client === undefined) {
      // Problems with a value that is present have already been reported.
      if (node !== undefined && !(node.entries.has('sha256') && node.entries.has('client')))
        problems.at(node, "a key must have a 'sha256' and a 'client'; `sluice key new` writes both")
      return []
    }
    if (seen.has(digest) && node !== undefined) problems.at(node, 'duplicate key; remove one of the two')
    seen.add(digest)
    if (node !== undefined) limits.push(...limitsOf(client, key.limits, node))
    return [{ ...others, sha256: digest, client, ...(createdBy !== undefined && { createdBy }) }]
  })
  checkLimitsAgree(limits, problems)
  if (problems.count > 0) throw new ConfigError(file, problems.inOrder())
  return { records, limits }
}

function limitsOf(client: string, limits: KeyLimits | undefined, node: ConfigNode): LocatedLimit[] {
  return clientLimitsOf(client, limits).map((limit) => ({
    ...limit,
    node: entryOf(entryOf(node, 'limits'), limit.rule) ?? node,
  }))
}

/** Reports limits of the same client that differ between its keys, since all keys share its counts. */
function checkLimitsAgree(limits: readonly LocatedLimit[], problems: Problems): void {
  const first = new Map<string, LocatedLimit>()
  for (const limit of limits) {
    const { client, rule, override, node } = limit
    const id = JSON.stringify([client, rule])
    const other = first.get(id)
    if (other === undefined) first.set(id, limit)
    else if (other.override.limit !== override.limit || other.override.scale !== override.scale)
      problems.at(
        node,
        `the limit '${rule}' of this client differs on line ${problems.lineOf(other.node)}; write the same limit for all keys of a client`,
      )
  }
}

/** @throws ConfigError if the file cannot be read or is invalid */
export async function loadKeys(file: string): Promise<Keys> {
  return parseKeys(await readConfigFile(file), file)
}
