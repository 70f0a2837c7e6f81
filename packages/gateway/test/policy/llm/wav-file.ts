interface WavOptions {
  readonly channels?: number
  /** The code of the format: 1 is PCM. */
  readonly format?: number
  /** The name of a chunk before the format. */
  readonly before?: string
}

/** Creates a WAV file of silence with 16 bits per sample. */
export function wavFile(
  sampleRate: number,
  seconds: number,
  { channels = 1, format = 1, before }: WavOptions = {},
): Buffer {
  const bytesPerSecond = sampleRate * channels * 2
  const fmt = Buffer.alloc(16)
  fmt.writeUInt16LE(format, 0)
  fmt.writeUInt16LE(channels, 2)
  fmt.writeUInt32LE(sampleRate, 4)
  fmt.writeUInt32LE(bytesPerSecond, 8)
  fmt.writeUInt16LE(channels * 2, 12)
  fmt.writeUInt16LE(16, 14)
  const chunks = [
    ...(before === undefined ? [] : [chunk(before, Buffer.from('abc'))]),
    chunk('fmt ', fmt),
    chunk('data', Buffer.alloc(bytesPerSecond * seconds)),
  ]
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]))
}

function chunk(name: string, bytes: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(bytes.length)
  return Buffer.concat([Buffer.from(name), size, bytes, Buffer.alloc(bytes.length % 2)])
}
