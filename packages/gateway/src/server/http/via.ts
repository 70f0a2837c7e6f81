import { randomBytes } from 'node:crypto'

// The `Via` header (RFC 9110 section 7.6.3) lists the gateways a message passed through, which
// reveals loops.

const PREFIX = 'sluice-'

/**
 * A request that passed through this many gateways is looping over replicas, each of which sees it
 * only once.
 */
const MAX_GATEWAYS = 10

/** Creates a random name for a gateway in `Via`. All of its workers share it. */
export function createGatewayName(): string {
  return PREFIX + randomBytes(8).toString('hex')
}

/** Builds the `Via` header for the upstream by appending this gateway to the received one. */
export function forwardedVia(rawHeaders: readonly string[], httpVersion: string, name: string): string {
  const own = `${httpVersion} ${name}`
  const before = viaLines(rawHeaders)
  return before === undefined ? own : `${before}, ${own}`
}

/** Reports whether a request has passed through this gateway, or through too many gateways. */
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
