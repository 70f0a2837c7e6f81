import { headerName } from '../../policy/headers/header-name.js'

/** What remains of one limit of a provider. */
interface Remaining {
  readonly remaining: number
  /** Undefined if the provider does not report it. */
  readonly limit: number | undefined
  /** Milliseconds until the limit resets. */
  readonly resetMs: number
}

/** The names of the headers of OpenAI and those that follow it, and of Anthropic. */
const FAMILIES: readonly ((limit: string, field: string) => string)[] = [
  (limit, field) => `x-ratelimit-${field}-${limit}`,
  (limit, field) => `anthropic-ratelimit-${limit}-${field}`,
]

/** The names of limits that providers report. */
const LIMITS = ['requests', 'tokens', 'input-tokens', 'output-tokens'] as const

/** Reads what remains of the limits of a provider. Limits that cannot be read are omitted. */
export function remainingOf(rawHeaders: readonly string[]): readonly Remaining[] {
  if (!rawHeaders.some((name, index) => index % 2 === 0 && /ratelimit-/i.test(name))) return []
  return FAMILIES.flatMap((nameOf) =>
    LIMITS.flatMap((name) => {
      const remaining = countOf(headerValue(rawHeaders, nameOf(name, 'remaining')))
      const resetMs = resetOf(headerValue(rawHeaders, nameOf(name, 'reset')))
      if (remaining === undefined || resetMs === undefined) return []
      return [{ remaining, limit: countOf(headerValue(rawHeaders, nameOf(name, 'limit'))), resetMs }]
    }),
  )
}

/**
 * Reads after how many milliseconds a request may be repeated: from `retry-after-ms`, or from
 * `Retry-After` in seconds or as a date.
 */
export function retryAfterOf(rawHeaders: readonly string[]): number | undefined {
  const milliseconds = countOf(headerValue(rawHeaders, 'retry-after-ms'))
  if (milliseconds !== undefined) return milliseconds
  const value = headerValue(rawHeaders, 'retry-after')
  const seconds = countOf(value)
  return seconds === undefined ? untilDate(value) : seconds * 1000
}

/** Returns the value of a header; undefined if it is absent or repeated. */
function headerValue(rawHeaders: readonly string[], name: string): string | undefined {
  let value: string | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (headerName(rawHeaders[index] as string).spelling !== name) continue
    if (value !== undefined) return undefined
    value = rawHeaders[index + 1]?.trim()
  }
  return value
}

function countOf(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}(\.\d{1,9})?$/.test(value) ? Number(value) : undefined
}

/** Units of durations such as `6m0s` and `20ms`, in milliseconds. */
const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** Reads a reset: `1s`, `6m0s`, `20ms`, seconds, or a date. Returns the milliseconds until then. */
function resetOf(value: string | undefined): number | undefined {
  if (value === undefined || value.length > 64) return undefined
  const seconds = countOf(value)
  if (seconds !== undefined) return seconds * 1000
  if (!/^(\d{1,9}(\.\d{1,9})?(ms|[dhms]))+$/.test(value)) return untilDate(value)
  let sum = 0
  for (const [, count = '', unit = ''] of value.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g))
    sum += Number(count) * (UNITS[unit] as number)
  return sum
}

function untilDate(value: string | undefined): number | undefined {
  // Other strings could be read as dates in the zone of this machine.
  if (
    value === undefined ||
    !/^(\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)|[A-Z][a-z]{2}, .{20,30})$/.test(value)
  )
    return undefined
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now())
}
