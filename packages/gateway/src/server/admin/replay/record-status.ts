import { formatLimit } from 'sluice'
import type { GatewayConfig } from '../../../policy/config/config.js'
import { RecordSnapshot } from '../../../replay/record/snapshot.js'
import { targetsIn } from '../../../replay/suggest/suggest-target.js'
import type { RecordStatus } from '../api/replay-types.js'
import { redactedConfig } from './redacted-config.js'

/** Describes the recorded traffic that can be replayed. */
export async function recordStatus(config: GatewayConfig): Promise<RecordStatus> {
  if (config.record === undefined) return { recording: false }
  const snapshot = await RecordSnapshot.take(config.record)
  try {
    const { files, size: bytes } = snapshot
    return {
      recording: true,
      files,
      bytes,
      since: (await snapshot.firstRequestTime()) ?? null,
      yaml: redactedConfig(config.source.text),
      rules: targetsIn(config).map(({ route, name, limit }) => ({
        route,
        rule: name,
        limit: formatLimit(limit),
      })),
    }
  } finally {
    await snapshot.close()
  }
}
