import { brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'

/** The longest text that a compressed answer may have, in bytes. */
const MAX_DECODED = 16 * 1024 * 1024
/** The most codings that are undone, one after the other. */
const MAX_CODINGS = 3

/** An answer that is cut has the beginning of its text all the same. */
const TO_THE_CUT = { maxOutputLength: MAX_DECODED, finishFlush: constants.Z_SYNC_FLUSH }

const DECODERS: ReadonlyMap<string, (bytes: Buffer) => Buffer> = new Map([
  ['gzip', (bytes) => gunzipSync(bytes, TO_THE_CUT)],
  ['x-gzip', (bytes) => gunzipSync(bytes, TO_THE_CUT)],
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

/** Some servers leave out the header of zlib's format. */
function inflateAny(bytes: Buffer): Buffer {
  try {
    return inflateSync(bytes, TO_THE_CUT)
  } catch {
    return inflateRawSync(bytes, TO_THE_CUT)
  }
}

/**
 * Undoes the codings of a compressed answer.
 *
 * @param codings in the order in which they were applied
 * @returns undefined where that cannot be done, or there is more than `MAX_DECODED` bytes of it
 */
export function decoded(bytes: Buffer, codings: readonly string[]): Buffer | undefined {
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
