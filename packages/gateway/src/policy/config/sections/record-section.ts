import type { RecordConfig } from '../config.js'
import { type Decoder, mapOf, withKeysOf } from '../yaml/decoders.js'
import { integer, sizeBetween, string } from '../yaml/scalars.js'

const DEFAULT_MAX_SIZE = 100 * 2 ** 20
const DEFAULT_FILES = 10

const file = string('traffic.jsonl.gz')

const recordMap = mapOf(
  {
    file,
    max_size: sizeBetween(65_536, 2 ** 40, '64KiB to 1024GiB', '100MiB'),
    files: integer(1, 1000),
  },
  'a file such as traffic.jsonl.gz, or a map such as { file: traffic.jsonl.gz, max_size: 100MiB, files: 10 }',
)

/** Decodes `record`: the files to which traffic is recorded for `sluice replay`. */
export const decodeRecord: Decoder<RecordConfig> = withKeysOf(recordMap, (node, problems) => {
  const values = node.kind === 'map' ? recordMap(node, problems) : undefined
  const path = node.kind === 'map' ? values?.file : file(node, problems)
  const { max_size: maxSize = DEFAULT_MAX_SIZE, files = DEFAULT_FILES } = values ?? {}
  if (path !== undefined) return { file: path, maxSize, files }
  if (node.kind === 'map' && !node.entries.has('file'))
    problems.at(node, "'record' requires 'file', such as traffic.jsonl.gz")
  return undefined
})
