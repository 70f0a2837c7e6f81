import { OptionTypeError } from '../../option-error.js'

/** Where a server is, as a URL says it. */
export interface RedisAddress {
  readonly kind: 'standalone' | 'cluster' | 'sentinel'
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  /** The name by which the Sentinels know the primary. */
  readonly name: string
  readonly db: number
}

const FORMS =
  'redis://host:6379/0, rediss://host, redis+cluster://a:6379,b:6379 or redis+sentinel://a:26379,b:26379/name'

const URL_FORM = /^(redis|rediss)(?:\+(cluster|sentinel))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/

/**
 * Reads `redis[s][+cluster|+sentinel]://[[user]:password@]host[:port][,host[:port]…][/…]`. After the slash comes the
 * number of the database; with Sentinels the name of the primary, and then the number.
 *
 * @throws TypeError where it is none of these. The message does not repeat the URL, which may hold a password.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = URL_FORM.exec(url)
  if (match === null) throw new OptionTypeError(['url'], `this is no URL of a Redis server; write ${FORMS}`)
  const [, scheme, topology, credentials, hosts = '', path = ''] = match
  const kind = topology === 'cluster' || topology === 'sentinel' ? topology : 'standalone'
  const nodes = hosts.split(',').map((host) => parseHost(host, kind === 'sentinel' ? 26_379 : 6379))
  if (kind === 'standalone' && nodes.length > 1)
    throw new OptionTypeError(
      ['url'],
      'several hosts make a cluster or are Sentinels: write redis+cluster:// or redis+sentinel://',
    )
  const parts = path === '' ? [] : path.split('/').map(decoded)
  const name = kind === 'sentinel' ? parts.shift() : ''
  if (name === undefined || (kind === 'sentinel' && name === ''))
    throw new OptionTypeError(
      ['url'],
      'a redis+sentinel:// URL ends with the name of the primary, as in …:26379/mymaster',
    )
  const db = parts.shift() ?? '0'
  if (!/^\d{1,9}$/.test(db) || parts.length > 0)
    throw new OptionTypeError(['url'], `the path of a Redis URL is the number of a database; write ${FORMS}`)
  if (kind === 'cluster' && db !== '0')
    throw new OptionTypeError(['url'], 'a cluster has no database but 0; leave the path of the URL out')
  return { kind, tls: scheme === 'rediss', ...parseCredentials(credentials), nodes, name, db: Number(db) }
}

function parseCredentials(text = ''): Pick<RedisAddress, 'username' | 'password'> {
  const colon = text.indexOf(':')
  if (colon < 0) return { username: text === '' ? undefined : decoded(text), password: undefined }
  const username = decoded(text.slice(0, colon))
  return { username: username === '' ? undefined : username, password: decoded(text.slice(colon + 1)) }
}

function parseHost(text: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? defaultPort)
  if (host === undefined || port < 1 || port > 65_535)
    // It is not repeated: of a password with a slash in it, the beginning would pass for a host.
    throw new OptionTypeError(
      ['url'],
      `a host of a Redis URL is a name or an address with a port from 1 to 65535; write ${FORMS}`,
    )
  return { host, port }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new OptionTypeError(['url'], "a '%' in a Redis URL is written %25")
  }
}
