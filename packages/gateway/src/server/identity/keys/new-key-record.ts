import { keyDigest, newKey } from 'sluice/identity'
import { KeyError } from './key-error.js'
import { checkKeyLabels } from './key-labels.js'
import { checkKeyLimits } from './key-limits.js'
import type { KeyRecord, NewKey } from './key-store.js'
import { parseMoment } from './moment.js'

/** Maximum length of a client or a tier, in characters. */
const MAX_NAME_LENGTH = 256

/**
 * Generates a key, and the record to keep of it.
 *
 * @throws KeyError for invalid properties
 */
export function newKeyRecord(
  { client, tier, labels = {}, limits = {}, expires }: NewKey,
  by: string,
  now: number,
): { readonly key: string; readonly record: KeyRecord } {
  try {
    checkName('client', client)
    if (tier !== undefined) checkName('tier', tier)
    return generated(
      {
        client,
        ...(tier !== undefined && { tier }),
        ...(Object.keys(labels).length > 0 && { labels: checkKeyLabels(labels) }),
        ...(Object.keys(limits).length > 0 && { limits: checkKeyLimits(limits) }),
        ...(expires !== undefined && { expires: expiryOf(expires) }),
      },
      by,
      now,
    )
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    throw new KeyError(error.kind, `the key was not created: ${error.message}`)
  }
}

/** Generates a key with the properties of another one. */
export function rotatedKeyRecord(
  { client, tier, labels, limits, expires }: KeyRecord,
  by: string,
  now: number,
) {
  return generated(
    {
      client,
      ...(tier !== undefined && { tier }),
      ...(labels !== undefined && { labels }),
      ...(limits !== undefined && { limits }),
      ...(expires !== undefined && { expires }),
    },
    by,
    now,
  )
}

function generated(properties: Omit<KeyRecord, 'sha256'>, by: string, now: number) {
  const key = newKey()
  const record: KeyRecord = { sha256: keyDigest(key), ...properties, created: now, createdBy: by }
  return { key, record }
}

function checkName(name: string, value: string): void {
  if (value.length >= 1 && value.length <= MAX_NAME_LENGTH) return
  throw new KeyError('invalid', `'${name}' must be a string of 1 to ${MAX_NAME_LENGTH} characters`)
}

function expiryOf(written: string): number {
  try {
    return parseMoment(written, 'expires')
  } catch (error) {
    throw new KeyError('invalid', (error as Error).message)
  }
}
