import type { Quota } from 'sluice'

/** A vendor whose header names can be used. */
export type MirrorName = 'openai' | 'anthropic'

type Header = readonly [name: string, value: string]

/**
 * Formats the quotas of a request as the headers that clients of a vendor's API read. If several
 * rules limit one resource, the rule with the least remaining quota is reported. Shadow rules,
 * concurrency, and resources without a vendor name are omitted.
 *
 * @param now the time of the decision, in epoch milliseconds
 */
export function vendorHeaders(vendor: MirrorName, quotas: readonly Quota[], now: number): Header[] {
  const { resources, headers } = MIRRORS[vendor]
  return Object.entries(resources).flatMap(([resource, word]) => {
    const quota = lowestQuota(quotas, resource)
    return quota === undefined ? [] : headers(word, quota, now)
  })
}

interface Mirror {
  /** The vendor's names of resources. */
  readonly resources: Readonly<Record<string, string>>
  headers(word: string, quota: Quota, now: number): Header[]
}

const MIRRORS: Readonly<Record<MirrorName, Mirror>> = {
  openai: {
    resources: { requests: 'requests', tokens: 'tokens' },
    headers(word, { limit, remaining, resetAfter }) {
      return [
        [`x-ratelimit-limit-${word}`, String(Math.floor(limit.limit))],
        [`x-ratelimit-remaining-${word}`, String(remaining)],
        ...headerOf(`x-ratelimit-reset-${word}`, goDuration(resetAfter)),
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
    headers(word, { limit, remaining, resetAfter }, now) {
      return [
        [`anthropic-ratelimit-${word}-limit`, String(Math.floor(limit.limit))],
        [`anthropic-ratelimit-${word}-remaining`, String(remaining)],
        ...headerOf(`anthropic-ratelimit-${word}-reset`, wholeSecond(now + resetAfter)),
      ]
    },
  },
}

function lowestQuota(quotas: readonly Quota[], resource: string): Quota | undefined {
  return quotas
    .filter(
      (quota) => quota.resource === resource && quota.enforced && quota.limit.algorithm !== 'concurrency',
    )
    .reduce<Quota | undefined>((least, quota) => {
      if (least === undefined || quota.remaining < least.remaining) return quota
      return quota.remaining === least.remaining && quota.resetAfter > least.resetAfter ? quota : least
    }, undefined)
}

function headerOf(name: string, value: string | undefined): Header[] {
  return value === undefined ? [] : [[name, value]]
}

/**
 * Formats a duration as Go does: `20ms`, `8.64s`, `6m0s`, `1h0m0.5s`, rounded up to whole
 * milliseconds.
 *
 * @returns undefined if the duration is not finite
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

/** Formats a time as RFC 3339, rounded up to a whole second; undefined if it is out of range. */
function wholeSecond(time: number): string | undefined {
  const date = new Date(Math.ceil(time / 1000) * 1000)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace('.000Z', 'Z')
}
