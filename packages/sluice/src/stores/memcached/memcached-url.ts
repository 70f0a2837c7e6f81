import { OptionTypeError } from '../../option-error.js'

const FORM = 'memcached://host:11211'

const URL_FORM = /^memcached:\/\/([^:/?#@,[\]\s]+)(?::(\d{1,5}))?\/?$/

/**
 * Reads `memcached://host[:port]` into the `host:port` of memcache-client.
 *
 * @throws TypeError where it is none.
 */
export function parseMemcachedUrl(url: string): string {
  const match = URL_FORM.exec(url)
  if (match?.[1] === undefined)
    throw new OptionTypeError(['url'], `this is no URL of a Memcached server; ${advice(url)}`)
  const port = Number(match[2] ?? 11_211)
  if (port < 1 || port > 65_535)
    throw new OptionTypeError(['url'], `a port is a number from 1 to 65535, not ${port}`)
  return `${match[1]}:${port}`
}

function advice(url: string): string {
  if (url.includes(',')) return `state lies on one server: write one, as in ${FORM}`
  if (url.includes('@')) return `it takes no user and no password: write ${FORM}`
  if (url.includes('['))
    return `memcache-client takes no IPv6 address: write a name that stands for it, as in ${FORM}`
  return `write ${FORM}`
}
