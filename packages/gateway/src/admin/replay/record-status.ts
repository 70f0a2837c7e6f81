import { formatLimit } from 'sluice'
import type { GatewayConfig } from '../../config/config.js'
import { RecordSnapshot } from '../../record/snapshot.js'
import { targetsIn } from '../../replay/suggest/target.js'
import { playedPart } from './played-part.js'
import type { RecordStatus } from './replay-types.js'

/** Says what there is to replay. */
export async function recordStatus(config: GatewayConfig): Promise<RecordStatus> {
  if (config.record === undefined) return { recording: false }
  const snapshot = await RecordSnapshot.take(config.record)
  try {
    const { files, size: bytes } = snapshot
    return {
      recording: true,
      files,
      bytes,
      since: (await snapshot.begins()) ?? null,
      yaml: playedPart(config.source.text),
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
