import { z } from 'zod'
import type { RecordConfig } from '../config.js'
import { made, mapOf, type Read, single } from '../yaml/decoders.js'
import { text, wholeNumber } from '../yaml/scalars.js'
import { parseSize } from '../yaml/sizes.js'

/** `record`: where traffic is recorded to, for `sluice replay`. */

const MIB = 2 ** 20
const DEFAULT_MAX_SIZE = 100 * MIB
const DEFAULT_FILES = 10
const LARGEST = 2 ** 40

const fileSize: Read<number> = made(
  single(z.union([z.string(), z.number()]), 'a size such as 100MiB'),
  (value) => {
    const bytes = parseSize(value)
    if (bytes < 65_536 || bytes > LARGEST)
      throw new RangeError('a file of the record has from 64KiB to 1TiB; write for example 100MiB')
    return bytes
  },
)

const file = text('traffic.jsonl.gz')

const readMap = mapOf(
  { file, max_size: fileSize, files: wholeNumber(1, 1000) },
  'a file such as traffic.jsonl.gz, or a map such as { file: traffic.jsonl.gz, max_size: 100MiB, files: 10 }',
)

export const readRecord: Read<RecordConfig> = (node, problems) => {
  const {
    file: written,
    max_size,
    files,
  } = (node.kind === 'map' ? readMap(node, problems) : { file: file(node, problems) }) ?? {}
  if (written === undefined) {
    if (node.kind === 'map' && !node.entries.has('file'))
      problems.at(node, "'record' names a 'file', such as traffic.jsonl.gz")
    return undefined
  }
  return { file: written, maxSize: max_size ?? DEFAULT_MAX_SIZE, files: files ?? DEFAULT_FILES }
}
