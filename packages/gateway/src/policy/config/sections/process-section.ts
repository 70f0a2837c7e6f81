import { z } from 'zod'
import { availableCores } from '../available-cores.js'
import { CLIENT_NAMINGS, type LogConfig, type ServerConfig } from '../config.js'
import { type Decoder, mapOf, scalar, transform } from '../yaml/decoders.js'
import { boolean, integer, sizeBetween } from '../yaml/scalars.js'

const MAX_WORKERS = 256
const MAX_CONNECTIONS = 1_000_000

const workerCount = integer(1, MAX_WORKERS)

const numberOrAuto = scalar(
  z.union([z.literal('auto'), z.number()]),
  `a whole number from 1 to ${MAX_WORKERS}, or auto for one per core`,
)

/** Decodes `workers`: the number of worker processes, or `auto` for one per core. */
export const decodeWorkers: Decoder<number> = (node, problems) => {
  const value = numberOrAuto(node, problems)
  return typeof value === 'number' ? workerCount(node, problems) : value && availableCores()
}

/** Decodes `server`: the bounds on connections and on the memory for bodies. */
export const decodeServer: Decoder<ServerConfig> = transform(
  mapOf(
    {
      max_connections: integer(1, MAX_CONNECTIONS),
      max_body_memory: sizeBetween(64 * 1024, 2 ** 40, '64KiB to 1024GiB', '256MiB'),
    },
    'a map such as { max_connections: 10000, max_body_memory: 256MiB }',
  ),
  ({ max_connections: maxConnections, max_body_memory: maxBodyMemory }) => ({
    ...(maxConnections !== undefined && { maxConnections }),
    ...(maxBodyMemory !== undefined && { maxBodyMemory }),
  }),
)

export const DEFAULT_LOG: LogConfig = { refusals: true, clients: 'plain' }

/** Decodes `log`: the logging of refused requests and the format of client names. */
export const decodeLog: Decoder<LogConfig> = transform(
  mapOf(
    { refusals: boolean, clients: scalar(z.enum(CLIENT_NAMINGS), `one of ${CLIENT_NAMINGS.join(', ')}`) },
    'a map such as { refusals: true, clients: hashed }',
  ),
  ({ refusals = DEFAULT_LOG.refusals, clients = DEFAULT_LOG.clients }) => ({ refusals, clients }),
)
