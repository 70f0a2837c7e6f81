/**
 * Bytes per second of audio whose length is unknown: 32 kbit/s, the rate of low-quality speech, so
 * that the estimate of other files is too high rather than too low.
 */
const BYTES_PER_SECOND = 4000

/**
 * Estimates the length of an audio file in whole seconds, rounded up: from the header of a WAV file
 * with PCM samples, otherwise from its size at 32 kbit/s.
 */
export function audioSeconds(file: Buffer): number {
  return Math.ceil(file.length / (wavBytesPerSecond(file) ?? BYTES_PER_SECOND))
}

/** Maximum number of chunks before the format of a WAV file. */
const MAX_CHUNKS = 16
const PCM: ReadonlySet<number> = new Set([1, 3, 0xfffe])

/**
 * Returns the data rate of a WAV file, computed from its sample rate and sample size as decoders do;
 * undefined for another file.
 */
function wavBytesPerSecond(file: Buffer): number | undefined {
  if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') return undefined
  let at = 12
  for (let chunks = 0; chunks < MAX_CHUNKS && at + 24 <= file.length; chunks += 1) {
    const size = file.readUInt32LE(at + 4)
    if (file.toString('latin1', at, at + 4) !== 'fmt ') {
      at += 8 + size + (size % 2)
      continue
    }
    const channels = file.readUInt16LE(at + 10)
    const sampleRate = file.readUInt32LE(at + 12)
    const rate = sampleRate * channels * Math.ceil(file.readUInt16LE(at + 22) / 8)
    return PCM.has(file.readUInt16LE(at + 8)) && rate > 0 ? rate : undefined
  }
  return undefined
}
