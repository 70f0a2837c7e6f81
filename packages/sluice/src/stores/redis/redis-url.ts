import { OptionTypeError } from '../../option-error.js'

/** The address of a server, parsed from a URL. */
export interface RedisAddress {
  readonly kind: 'standalone' | 'cluster' | 'sentinel'
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  /** Name of the primary in the Sentinels' configuration, else ''. */
  readonly name: string
  readonly db: number
}

const FORMS =
  'redis://host:6379/0, rediss://host, redis+cluster://a:6379,b:6379 or redis+sentinel://a:26379,b:26379/name'

const URL_FORM = /^(redis|rediss)(?:\+(cluster|sentinel))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/

/**
 * Parses `redis[s][+cluster|+sentinel]://[[user]:password@]host[:port][,host[:port]…][/…]`. The
 * path is the number of the database; with Sentinels it is the name of the primary, followed by the
 * number.
 *
 * @throws TypeError for any other string. The message does not contain the URL, which may hold a
 *   password.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = URL_FORM.exec(url)
  if (match === null) throw new OptionTypeError(['url'], `not the URL of a Redis server; write ${FORMS}`)
  const [, scheme, topology, credentials, hosts = '', path = ''] = match
  const kind = topology === 'cluster' || topology === 'sentinel' ? topology : 'standalone'
  const nodes = hosts.split(',').map((host) => parseHost(host, kind === 'sentinel' ? 26_379 : 6379))
  if (kind === 'standalone' && nodes.length > 1)
    throw new OptionTypeError(
      ['url'],
      'a redis:// URL must have a single host; for several, write redis+cluster:// or redis+sentinel://',
    )
  const parts = path === '' ? [] : path.split('/').map(decode)
  const name = kind === 'sentinel' ? parts.shift() : ''
  if (name === undefined || (kind === 'sentinel' && name === ''))
    throw new OptionTypeError(
      ['url'],
      'a redis+sentinel:// URL must end with the name of the primary, as in …:26379/mymaster',
    )
  const db = parts.shift() ?? '0'
  if (!/^\d{1,9}$/.test(db) || parts.length > 0)
    throw new OptionTypeError(
      ['url'],
      `the path of a Redis URL must be the number of a database; write ${FORMS}`,
    )
  if (kind === 'cluster' && db !== '0')
    throw new OptionTypeError(['url'], 'a cluster only has database 0; omit the path of the URL')
  return { kind, tls: scheme === 'rediss', ...parseCredentials(credentials), nodes, name, db: Number(db) }
}

function parseCredentials(credentials = ''): Pick<RedisAddress, 'username' | 'password'> {
  const colon = credentials.indexOf(':')
  if (colon < 0)
    return { username: credentials === '' ? undefined : decode(credentials), password: undefined }
  const username = decode(credentials.slice(0, colon))
  return { username: username === '' ? undefined : username, password: decode(credentials.slice(colon + 1)) }
}

function parseHost(address: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? defaultPort)
  if (host === undefined || port < 1 || port > 65_535)
    // The message omits the host: it may be the beginning of a password that contains a slash.
    throw new OptionTypeError(
      ['url'],
      `a host of a Redis URL must be a host name or IP address, with a port from 1 to 65535; write ${FORMS}`,
    )
  return { host, port }
}

function decode(component: string): string {
  try {
    return decodeURIComponent(component)
  } catch {
    throw new OptionTypeError(['url'], "a '%' in a Redis URL must be written as %25")
  }
}
