import type { AccessLogConfig } from '../config.js'
import { type Decoder, mapOf, withKeysOf } from '../yaml/decoders.js'
import { string } from '../yaml/scalars.js'
import { mismatch } from '../yaml/yaml-node.js'

const file = string('access.jsonl')

const EXPECTED = 'true for the log, false, or a map such as { file: access.jsonl }'

const accessLogMap = mapOf({ file }, EXPECTED)

/** Decodes `access_log`: whether and where each request is logged. */
export const decodeAccessLog: Decoder<AccessLogConfig | 'off'> = withKeysOf(
  accessLogMap,
  (node, problems) => {
    if (node.kind === 'scalar' && node.value === true) return {}
    if (node.kind === 'scalar' && node.value === false) return 'off'
    if (node.kind !== 'map') {
      problems.at(node, mismatch(node, EXPECTED))
      return undefined
    }
    const values = accessLogMap(node, problems)
    if (values?.file !== undefined) return { file: values.file }
    if (!node.entries.has('file'))
      problems.at(node, "'access_log' requires 'file', such as access.jsonl; write true for the log")
    return undefined
  },
)
