import { createHmac, randomBytes } from 'node:crypto'
import { isIPv4, isIPv6 } from 'node:net'
import type { LogConfig } from '../../policy/config/config.js'

/** Maximum length of a client name in a log, in UTF-16 code units. */
const MAX_LENGTH = 128

/**
 * Creates the key of digests. It exists only in the memory of the gateway's processes, so that
 * addresses cannot be recovered by trying all of them.
 */
export function createRedactionKey(): Uint8Array {
  return randomBytes(32)
}

type RedactionConfig = Pick<LogConfig, 'clients'>

/** Redacts the names of clients for the logs and the telemetry of a process. */
export class ClientRedaction {
  #mode: LogConfig['clients']

  /** @param key the key of the digests, which all processes of a gateway share */
  constructor(
    { clients }: RedactionConfig,
    private readonly key: Uint8Array,
  ) {
    this.#mode = clients
  }

  /** Applies a changed configuration. */
  configure({ clients }: RedactionConfig): void {
    this.#mode = clients
  }

  /**
   * Redacts a client, depending on the configuration:
   *
   * - `plain`: its id or address;
   * - `masked`: the network of an address, or the first two characters of an id;
   * - `hashed`: a digest that stays the same until the gateway stops.
   */
  redact(client: string): string {
    switch (this.#mode) {
      case 'plain':
        return client.slice(0, MAX_LENGTH)
      case 'masked':
        return mask(client)
      case 'hashed':
        return `#${createHmac('sha256', this.key).update(client).digest('base64url').slice(0, 16)}`
    }
  }
}

function mask(client: string): string {
  if (isIPv4(client)) return client.replace(/\.\d+$/, '.*')
  const [address = ''] = client.split('/')
  if (isIPv6(address)) return `${groupsOf(address).slice(0, 3).join(':')}:*`
  const [, word = '', id = ''] = /^(client )?(.*)$/s.exec(client) ?? []
  return `${word}${id.slice(0, 2)}***`
}

/** The groups of an IPv6 address before a `::`, followed by zeros. */
function groupsOf(address: string): string[] {
  const [before = ''] = address.split('::')
  const groups = before === '' ? [] : before.split(':')
  return [...groups, ...Array<string>(8).fill('0')]
}
