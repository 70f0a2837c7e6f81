import { isIP } from 'node:net'
import { z } from 'zod'
import type { Endpoint } from '../config.js'
import { type Decoder, scalar, transform } from './decoders.js'

/** The host for a bare port such as `8080`. */
const LOOPBACK = '127.0.0.1'
/** The host for a port with a colon, such as `:8080`. */
const ALL_INTERFACES = '0.0.0.0'

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i

/**
 * Parses a listen address: `127.0.0.1:8080`, `localhost:8080` or `[::1]:8080`; `8080` for the
 * loopback address; `:8080` for every IPv4 address of the machine. Port 0 selects a free port.
 *
 * @throws RangeError that states the problem and a valid example
 */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]*)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text.trim())
  const [, bracketed, plain, digits] = match ?? []
  const port = Number(digits)
  if (match === null) throw new RangeError(`'${text.slice(0, 60)}' is not a listen address; ${EXAMPLE}`)
  if (port > 65_535) throw new RangeError(`a port must be a number from 0 to 65535, not ${port}`)
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6)
      throw new RangeError(`'${bracketed.slice(0, 60)}' in brackets is not an IPv6 address; ${EXAMPLE}`)
    return { host: bracketed, port }
  }
  const host = plain ?? LOOPBACK
  // Digits and dots are a valid or invalid IPv4 address, never a host name.
  const isHost = host === '' || isIP(host) === 4 || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host))
  if (!isHost) throw new RangeError(`'${host.slice(0, 60)}' is not a host; ${EXAMPLE}`)
  return { host: host === '' ? ALL_INTERFACES : host, port }
}

/** Formats an address as `parseEndpoint` reads it. */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Decodes a listen address. */
export const endpoint: Decoder<Endpoint> = transform(
  scalar(z.union([z.string(), z.int().min(0)]), 'a listen address such as 127.0.0.1:8081'),
  (value) => parseEndpoint(String(value)),
)

/** Reports whether an address is reachable only from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

const EXAMPLE = 'write, for example, 127.0.0.1:8080, :8080 or [::1]:8080'
