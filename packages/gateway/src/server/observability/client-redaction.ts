import { createHmac, randomBytes } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import type { LogConfig } from '../../policy/config/config.js'

/** Longest name that is logged, in UTF-16 units. */
const LONGEST = 128

/**
 * What a client is called in a log. `plain`: its id or its address. `masked`: the network of an address, and the first two
 * characters of an id. `hashed`: a digest, the same for the same client until the process ends, which nobody can try
 * addresses against: its key is in the memory of this process alone.
 */
export function clientRedactor(naming: LogConfig['clients']): (client: string) => string {
  switch (naming) {
    case 'plain':
      return (client) => client.slice(0, LONGEST)
    case 'masked':
      return masked
    case 'hashed': {
      const key = randomBytes(32)
      return (client) => `#${createHmac('sha256', key).update(client).digest('base64url').slice(0, 16)}`
    }
  }
}

function masked(client: string): string {
  if (isIPv4(client)) return client.replace(/\.\d+$/, '.*')
  const [address = ''] = client.split('/')
  if (isIPv6(address)) return `${groupsOf(address).slice(0, 3).join(':')}:*`
  const [, word = '', id = ''] = /^(client )?(.*)$/s.exec(client) ?? []
  return `${word}${id.slice(0, 2)}***`
}

/** The eight groups of an address, as far as they are written before a `::`, zeros from there on. */
function groupsOf(address: string): string[] {
  const [before = ''] = address.split('::')
  const groups = before === '' ? [] : before.split(':')
  return [...groups, ...Array<string>(8).fill('0')]
}
