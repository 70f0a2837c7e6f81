import { type ApiKey, type KeyLookup, keyTable } from 'sluice/identity'
import { z } from 'zod'
import { ConfigError, readConfigFile } from '../../policy/config/load-config.js'
import { type Decoder, listOf, mapOf, scalar, transform } from '../../policy/config/yaml/decoders.js'
import { Problems } from '../../policy/config/yaml/diagnostics.js'
import { string } from '../../policy/config/yaml/scalars.js'
import { sha256Of } from '../../policy/config/yaml/sha256.js'
import { readYaml } from '../../policy/config/yaml/yaml-document.js'

/** Most keys of one file. For more there is a database, which a server that embeds the library can ask. */
const MAX_KEYS = 5_000

/** What a file of keys needs, for messages. */
const LEAST = '`sluice key new` writes one'

const sha256 = sha256Of('a key', 'sluice key new')

const nameOfClient: Decoder<string> = scalar(z.string().min(1).max(256), 'a text of 1 to 256 characters')

const moment: Decoder<number> = transform(string('2027-01-31'), (written) => {
  const time = /^\d{4}-\d\d-\d\d(T.+(Z|[+-]\d\d:\d\d))?$/.test(written) ? Date.parse(written) : Number.NaN
  if (Number.isNaN(time))
    throw new TypeError('a moment is a day (in UTC) such as 2027-01-31, or 2027-01-31T12:00:00Z')
  return time
})

const readKey = mapOf(
  { sha256, client: nameOfClient, tier: nameOfClient, expires: moment },
  'a map such as { sha256: …, client: acme, tier: premium }',
)

const readFile = mapOf(
  { keys: listOf(readKey, 'a list of keys such as [{ sha256: …, client: acme }]', MAX_KEYS) },
  'a map with a list of `keys`',
)

/**
 * Reads the text of a file of API keys.
 *
 * @param file its name, for messages
 * @throws ConfigError with everything that is wrong.
 */
export function parseKeys(text: string, file: string): KeyLookup {
  const problems = new Problems(text)
  const root = readYaml(text, problems, LEAST)
  const values = root && readFile(root, problems)
  const list = root?.kind === 'map' ? root.entries.get('keys')?.value : undefined
  if (root?.kind === 'map' && list === undefined)
    problems.at(root, `a file of keys has a list of 'keys'; ${LEAST}`)
  // Those that were read: what is no map is none of them.
  const nodes = list?.kind === 'list' ? list.items.filter((item) => item.kind === 'map') : []
  const seen = new Set<string>()
  const keys: ApiKey[] = (values?.keys ?? []).flatMap((key, index) => {
    const node = nodes[index]
    const { sha256: digest, client } = key
    if (digest === undefined || client === undefined) {
      // Where one is there and wrong, that has been told.
      if (node !== undefined && !(node.entries.has('sha256') && node.entries.has('client')))
        problems.at(node, "a key has its 'sha256' and a 'client' whose it is; `sluice key new` writes both")
      return []
    }
    if (seen.has(digest) && node !== undefined) problems.at(node, 'this key is there twice; keep one of them')
    seen.add(digest)
    return [{ ...key, sha256: digest, client }]
  })
  if (problems.count > 0) throw new ConfigError(file, problems.inOrder())
  return keyTable(keys)
}

/** @throws ConfigError where the file cannot be read or is wrong. */
export async function loadKeys(file: string): Promise<KeyLookup> {
  return parseKeys(await readConfigFile(file), file)
}
