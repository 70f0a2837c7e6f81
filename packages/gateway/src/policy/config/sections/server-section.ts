import type { ServerConfig } from '../config.js'
import { made, mapOf, type Read } from '../yaml/decoders.js'
import { sizeFrom, wholeNumber } from '../yaml/scalars.js'

const MAX_CONNECTIONS = 1_000_000

/** Reads `server`: what the gateway holds at most. */
export const readServer: Read<ServerConfig> = made(
  mapOf(
    { max_connections: wholeNumber(1, MAX_CONNECTIONS), max_body_memory: sizeFrom(64 * 1024, 2 ** 40) },
    'a map such as { max_connections: 10000, max_body_memory: 256MiB }',
  ),
  ({ max_connections: maxConnections, max_body_memory: maxBodyMemory }) => ({
    ...(maxConnections !== undefined && { maxConnections }),
    ...(maxBodyMemory !== undefined && { maxBodyMemory }),
  }),
)
