import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'

/** Maximum size of a decompressed response, in bytes. */
const MAX_DECODED = 16 * 1024 * 1024
/** Maximum number of codings per response. */
const MAX_CODINGS = 3

/** Options that also decode the beginning of a truncated response. */
const TRUNCATION_TOLERANT = { maxOutputLength: MAX_DECODED, finishFlush: constants.Z_SYNC_FLUSH }

const DECODERS: ReadonlyMap<string, (bytes: Buffer) => Buffer> = new Map([
  ['gzip', (bytes) => gunzipSync(bytes, TRUNCATION_TOLERANT)],
  ['x-gzip', (bytes) => gunzipSync(bytes, TRUNCATION_TOLERANT)],
  ['deflate', inflateAny],
  [
    'br',
    (bytes) =>
      brotliDecompressSync(bytes, {
        maxOutputLength: MAX_DECODED,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      }),
  ],
])

/** Inflates data with or without the zlib header, which some servers omit. */
function inflateAny(bytes: Buffer): Buffer {
  try {
    return inflateSync(bytes, TRUNCATION_TOLERANT)
  } catch {
    return inflateRawSync(bytes, TRUNCATION_TOLERANT)
  }
}

/**
 * Decompresses a response.
 *
 * @param codings in the order in which they were applied
 * @returns undefined if the response cannot be decoded, or has more than `MAX_DECODED` bytes
 */
export function decompress(bytes: Buffer, codings: readonly string[]): Buffer | undefined {
  if (codings.length > MAX_CODINGS) return undefined
  try {
    return codings.reduceRight<Buffer | undefined>(
      (coded, coding) => coded && DECODERS.get(coding)?.(coded),
      bytes,
    )
  } catch {
    return undefined
  }
}
