import { type ApiKey, type KeyLookup, keyTable } from 'sluice/identity'
import { z } from 'zod'
import { ConfigError, readConfigFile } from '../../policy/config/load-config.js'
import { type Decoder, listOf, mapOf, scalar, transform } from '../../policy/config/yaml/decoders.js'
import { Problems } from '../../policy/config/yaml/diagnostics.js'
import { string } from '../../policy/config/yaml/scalars.js'
import { sha256Of } from '../../policy/config/yaml/sha256.js'
import { readYaml } from '../../policy/config/yaml/yaml-document.js'

/**
 * Maximum number of keys in a file. Servers with more keys can embed the library and look keys up
 * in a database.
 */
const MAX_KEYS = 5_000

/** The advice in messages about missing keys. */
const ADVICE = '`sluice key new` writes one'

const sha256 = sha256Of('a key', 'sluice key new')

const clientName: Decoder<string> = scalar(z.string().min(1).max(256), 'a string of 1 to 256 characters')

const expiry: Decoder<number> = transform(string('2027-01-31'), (written) => {
  const time = /^\d{4}-\d\d-\d\d(T.+(Z|[+-]\d\d:\d\d))?$/.test(written) ? Date.parse(written) : Number.NaN
  if (Number.isNaN(time))
    throw new TypeError(
      "'expires' must be a date (in UTC) such as 2027-01-31, or a date and time such as 2027-01-31T12:00:00Z",
    )
  return time
})

const readKey = mapOf(
  { sha256, client: clientName, tier: clientName, expires: expiry },
  'a map such as { sha256: …, client: acme, tier: premium }',
)

const readFile = mapOf(
  { keys: listOf(readKey, 'a list of keys such as [{ sha256: …, client: acme }]', MAX_KEYS) },
  'a map with a list of `keys`',
)

/**
 * Parses the contents of a keys file.
 *
 * @param file the file name, for messages
 * @throws ConfigError with every problem
 */
export function parseKeys(text: string, file: string): KeyLookup {
  const problems = new Problems(text)
  const root = readYaml(text, problems, ADVICE)
  const values = root && readFile(root, problems)
  const list = root?.kind === 'map' ? root.entries.get('keys')?.value : undefined
  if (root?.kind === 'map' && list === undefined)
    problems.at(root, `a keys file must contain a 'keys' list; ${ADVICE}`)
  // `values.keys` contains only the items that are maps.
  const nodes = list?.kind === 'list' ? list.items.filter((item) => item.kind === 'map') : []
  const seen = new Set<string>()
  const keys: ApiKey[] = (values?.keys ?? []).flatMap((key, index) => {
    const node = nodes[index]
    const { sha256: digest, client } = key
    if (digest === undefined || client === undefined) {
      // Problems with a value that is present have already been reported.
      if (node !== undefined && !(node.entries.has('sha256') && node.entries.has('client')))
        problems.at(node, "a key must have a 'sha256' and a 'client'; `sluice key new` writes both")
      return []
    }
    if (seen.has(digest) && node !== undefined) problems.at(node, 'duplicate key; remove one of the two')
    seen.add(digest)
    return [{ ...key, sha256: digest, client }]
  })
  if (problems.count > 0) throw new ConfigError(file, problems.inOrder())
  return keyTable(keys)
}

/** @throws ConfigError if the file cannot be read or is invalid */
export async function loadKeys(file: string): Promise<KeyLookup> {
  return parseKeys(await readConfigFile(file), file)
}
