import { isIPv4, isIPv6 } from 'node:net'

/**
 * An IP address in canonical form: IPv4 in dotted notation, IPv6 as eight groups.
 *
 * An IPv4 address written as IPv6 (mapped, `::ffff:0:0/96`; or translated, `64:ff9b::/96`, RFC
 * 6052) becomes that IPv4 address. Otherwise all such addresses would share one prefix and
 * therefore one limit.
 */
export type IpAddress =
  | { readonly family: 4; readonly text: string }
  | { readonly family: 6; readonly groups: readonly number[] }

/**
 * Parses an address without brackets or a port, and drops a zone ID. Returns undefined if the
 * string is not an address.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) return { family: 4, text }
  if (!isIPv6(text)) return undefined
  const zone = text.indexOf('%')
  const groups = groupsOf(zone === -1 ? text : text.slice(0, zone))
  const prefix = groups.slice(0, 6).join()
  if (prefix === MAPPED_PREFIX || prefix === TRANSLATED_PREFIX) return { family: 4, text: dotted(groups) }
  return { family: 6, groups }
}

/**
 * Formats an address in canonical form: IPv4 in dotted notation, IPv6 reduced to a prefix, as in
 * `2001:db8:0:0:0:0:0:0/64`.
 */
export function canonicalText(address: IpAddress, ipv6Subnet = 128): string {
  if (address.family === 4) return address.text
  const masked = address.groups.map((group, index) => group & maskOf(ipv6Subnet - 16 * index))
  const text = masked.map((group) => group.toString(16)).join(':')
  return ipv6Subnet === 128 ? text : `${text}/${ipv6Subnet}`
}

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff].join()
const TRANSLATED_PREFIX = [0x64, 0xff9b, 0, 0, 0, 0].join()

function groupsOf(text: string): number[] {
  const [head = '', tail] = text.split('::')
  const front = readGroups(head)
  if (tail === undefined) return front
  const back = readGroups(tail)
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
}

function readGroups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

function dotted(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6)
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Returns the mask that keeps the first `bits` bits of a group. */
function maskOf(bits: number): number {
  if (bits >= 16) return 0xffff
  return bits <= 0 ? 0 : (0xffff << (16 - bits)) & 0xffff
}
