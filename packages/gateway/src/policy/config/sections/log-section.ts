import { z } from 'zod'
import { CLIENT_NAMINGS, type LogConfig } from '../config.js'
import { mapOf, type Read, single } from '../yaml/decoders.js'
import { yesOrNo } from '../yaml/scalars.js'

export const DEFAULT_LOG: LogConfig = { refusals: true, clients: 'plain' }

const readMap = mapOf(
  { refusals: yesOrNo, clients: single(z.enum(CLIENT_NAMINGS), `one of ${CLIENT_NAMINGS.join(', ')}`) },
  'a map such as { refusals: true, clients: hashed }',
)

/** Reads `log`: whether refusals are logged, and how clients are called there. */
export const readLog: Read<LogConfig> = (node, problems) => {
  const { refusals = DEFAULT_LOG.refusals, clients = DEFAULT_LOG.clients } = readMap(node, problems) ?? {}
  return { refusals, clients }
}
