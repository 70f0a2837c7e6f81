import { crc32 } from 'node:zlib'

/** Encodes a frame of an AWS event stream, as https://smithy.io/2.0/aws/amazon-eventstream.html defines. */
export function frameOf(payload: unknown, headers: Readonly<Record<string, string>> = EVENT): Buffer {
  const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload))
  return frameWith(Buffer.concat(Object.entries(headers).map(headerOf)), body)
}

const EVENT = { ':message-type': 'event', ':event-type': 'x', ':content-type': 'application/json' }

/** Encodes a frame with the given bytes as its headers. */
export function frameWith(headers: Buffer, body: Buffer): Buffer {
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(16 + headers.length + body.length, 0)
  lengths.writeUInt32BE(headers.length, 4)
  const frame = Buffer.concat([lengths, checksumOf(lengths), headers, body])
  return Buffer.concat([frame, checksumOf(frame)])
}

/** A header with a string, which is type 7. */
function headerOf([name, value]: [string, string]): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(value.length)
  return Buffer.concat([Buffer.of(name.length), Buffer.from(name), Buffer.of(7), length, Buffer.from(value)])
}

function checksumOf(bytes: Buffer): Buffer {
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(bytes))
  return checksum
}
