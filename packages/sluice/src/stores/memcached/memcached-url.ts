import { OptionTypeError } from '../../option-error.js'

const FORMAT = 'memcached://host:11211'

const URL_PATTERN = /^memcached:\/\/([^:/?#@,[\]\s]+)(?::(\d{1,5}))?\/?$/

/**
 * Parses `memcached://host[:port]` into the `host:port` of memcache-client.
 *
 * @throws TypeError for any other string.
 */
export function parseMemcachedUrl(url: string): string {
  const match = URL_PATTERN.exec(url)
  if (match?.[1] === undefined)
    throw new OptionTypeError(['url'], `not the URL of a Memcached server; ${advice(url)}`)
  const port = Number(match[2] ?? 11_211)
  if (port < 1 || port > 65_535)
    throw new OptionTypeError(['url'], `the port must be a number from 1 to 65535, not ${port}`)
  return `${match[1]}:${port}`
}

function advice(url: string): string {
  if (url.includes(',')) return `the store uses a single server, as in ${FORMAT}`
  if (url.includes('@')) return `user names and passwords are not supported; write ${FORMAT}`
  if (url.includes('['))
    return `memcache-client does not support IPv6 addresses; write a host name, as in ${FORMAT}`
  return `write ${FORMAT}`
}
