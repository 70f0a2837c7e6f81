import type { Quota } from 'sluice'

/** Whose names the fields have. */
export type MirrorName = 'openai' | 'anthropic'

type Field = readonly [name: string, value: string]

/**
 * Tells how a request stands in the fields that clients of a vendor's API read. Of several rules of one resource the one
 * with the least left is told; shadow rules, what is in flight, and resources that the vendor has no name for are not.
 *
 * @param now the time of the decision, in milliseconds since 1970
 */
export function vendorHeaders(vendor: MirrorName, quotas: readonly Quota[], now: number): Field[] {
  const { resources, fields } = MIRRORS[vendor]
  return Object.entries(resources).flatMap(([resource, word]) => {
    const quota = tightest(quotas, resource)
    return quota === undefined ? [] : fields(word, quota, now)
  })
}

interface Mirror {
  /** The vendor's word for each resource that it has one for. */
  readonly resources: Readonly<Record<string, string>>
  fields(word: string, quota: Quota, now: number): Field[]
}

const MIRRORS: Readonly<Record<MirrorName, Mirror>> = {
  openai: {
    resources: { requests: 'requests', tokens: 'tokens' },
    fields(word, { limit, remaining, resetAfter }) {
      return [
        [`x-ratelimit-limit-${word}`, String(Math.floor(limit.limit))],
        [`x-ratelimit-remaining-${word}`, String(remaining)],
        ...field(`x-ratelimit-reset-${word}`, goDuration(resetAfter)),
      ]
    },
  },
  anthropic: {
    resources: {
      requests: 'requests',
      tokens: 'tokens',
      input_tokens: 'input-tokens',
      output_tokens: 'output-tokens',
    },
    fields(word, { limit, remaining, resetAfter }, now) {
      return [
        [`anthropic-ratelimit-${word}-limit`, String(Math.floor(limit.limit))],
        [`anthropic-ratelimit-${word}-remaining`, String(remaining)],
        ...field(`anthropic-ratelimit-${word}-reset`, wholeSecond(now + resetAfter)),
      ]
    },
  },
}

function tightest(quotas: readonly Quota[], resource: string): Quota | undefined {
  return quotas
    .filter(
      (quota) => quota.resource === resource && quota.enforced && quota.limit.algorithm !== 'concurrency',
    )
    .reduce<Quota | undefined>((least, quota) => {
      if (least === undefined || quota.remaining < least.remaining) return quota
      return quota.remaining === least.remaining && quota.resetAfter > least.resetAfter ? quota : least
    }, undefined)
}

function field(name: string, value: string | undefined): Field[] {
  return value === undefined ? [] : [[name, value]]
}

/**
 * A length of time as Go writes it: `20ms`, `8.64s`, `6m0s`, `1h0m0.5s`. Rounded up to whole milliseconds.
 *
 * @returns undefined for what is not finite
 */
export function goDuration(length: number): string | undefined {
  if (!Number.isFinite(length)) return undefined
  const milliseconds = Math.ceil(Math.max(0, length))
  if (milliseconds > 0 && milliseconds < 1000) return `${milliseconds}ms`
  const hours = Math.floor(milliseconds / 3_600_000)
  const minutes = Math.floor(milliseconds / 60_000) % 60
  const seconds = `${(milliseconds % 60_000) / 1000}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** RFC 3339, rounded up to a whole second; undefined for a time that has no such text. */
function wholeSecond(time: number): string | undefined {
  const date = new Date(Math.ceil(time / 1000) * 1000)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace('.000Z', 'Z')
}
