import { isIP } from 'node:net'
import type { Endpoint } from '../config.js'

/** Without a host, a bare port is for this machine alone, and `:8080` for all that reach it. */
const LOOPBACK = '127.0.0.1'
const EVERYWHERE = '0.0.0.0'

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i

/**
 * Reads where a server listens: `127.0.0.1:8080`, `localhost:8080`, `[::1]:8080`; `8080` for this machine alone, `:8080`
 * for every IPv4 address that it has. Port 0 takes a free one.
 *
 * @throws RangeError that says what would be right.
 */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([^\]]*)\]:|([^:[\]]*):)?(\d{1,5})$/.exec(text.trim())
  const [, bracketed, plain, digits] = match ?? []
  const port = Number(digits)
  if (match === null) throw new RangeError(`'${text.slice(0, 60)}' is no address to listen on; ${EXAMPLE}`)
  if (port > 65_535) throw new RangeError(`a port is a number from 0 to 65535, not ${port}`)
  if (bracketed !== undefined) {
    if (isIP(bracketed) !== 6) throw new RangeError(`between [ and ] stands an IPv6 address; ${EXAMPLE}`)
    return { host: bracketed, port }
  }
  const host = plain ?? LOOPBACK
  // What is made of numbers is an IPv4 address or a mistake in one, and no name to ask for.
  const isHost = host === '' || isIP(host) === 4 || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host))
  if (!isHost) throw new RangeError(`'${host.slice(0, 60)}' is no host; ${EXAMPLE}`)
  return { host: host === '' ? EVERYWHERE : host, port }
}

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

const EXAMPLE = 'write for example 127.0.0.1:8080, :8080 or [::1]:8080'
