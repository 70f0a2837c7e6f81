import { randomBytes } from 'node:crypto'

/** `Via` (RFC 9110 section 7.6.3): by what way a message came, and so whether it came this way before. */

const PREFIX = 'sluice-'

/** More gateways than any sensible chain has: a loop over many replicas, of which each is new to the request. */
const MAX_GATEWAYS = 10

/** Makes a name for a gateway to use in `Via`. All of its workers use the same one. */
export function createGatewayName(): string {
  return PREFIX + randomBytes(8).toString('hex')
}

/** The `Via` for the upstream: what came, and this gateway. */
export function forwardedVia(rawHeaders: readonly string[], httpVersion: string, name: string): string {
  const own = `${httpVersion} ${name}`
  const before = viaLines(rawHeaders)
  return before === undefined ? own : `${before}, ${own}`
}

/** Whether a request came through this gateway before, or through more gateways than a chain of them has. */
export function isLoop(rawHeaders: readonly string[], name: string): boolean {
  const via = viaLines(rawHeaders)
  if (via === undefined) return false
  const names = via.split(',').map((element) => element.trim().split(/[ \t]+/)[1] ?? '')
  return names.includes(name) || names.filter((other) => other.startsWith(PREFIX)).length >= MAX_GATEWAYS
}

function viaLines(rawHeaders: readonly string[]): string | undefined {
  let lines: string | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const header = rawHeaders[index] as string
    if (header.length !== 3 || header.toLowerCase() !== 'via' || rawHeaders[index + 1] === '') continue
    lines = lines === undefined ? rawHeaders[index + 1] : `${lines}, ${rawHeaders[index + 1]}`
  }
  return lines
}
