/** Number of slots of a cluster (Redis cluster specification, "Key distribution model"). */
const SLOTS = 16_384

/** Lookup table for CRC-16/XMODEM. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/**
 * Returns the slot of a key. If the key contains a part in braces, only the first such part is
 * hashed.
 */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) ^ (TABLE[(crc >>> 8) ^ byte] as number)) & 0xffff
  return crc % SLOTS
}
