import { OptionRangeError, OptionTypeError, relocate, unknownOption } from '../option-error.js'
import type { WindowOptions } from '../overload/hand-over-window.js'
import { parseDuration } from '../time/duration.js'
import type { AutomaticOptions, ConcurrencyRule } from './rule.js'
import { MAX_WAIT_MS } from './waiting.js'

const DEFAULT_MAX = 1024
const MAX_REPLICAS = 1024
const MAX_GAP_MS = 60_000
const KEEP = ['latency', 'throughput'] as const
const OPTIONS = ['max', 'replicas', 'gap', 'keep', 'hidden', 'metrics']

/** Reports whether the slots of a rule follow the server, unless its option is invalid. */
export function isAutomatic(concurrent: unknown): concurrent is 'auto' | { readonly auto: AutomaticOptions } {
  return typeof concurrent === 'string' || (typeof concurrent === 'object' && concurrent !== null)
}

/**
 * Compiles `concurrent: 'auto'`. Undefined if the rule has a number of slots.
 *
 * @throws OptionError that names the invalid option.
 */
export function windowOf<Request>({
  concurrent,
  wait,
  tiers,
}: ConcurrencyRule<Request>): WindowOptions | undefined {
  if (!isAutomatic(concurrent)) return undefined
  const window = relocate(
    () => readWindow(concurrent),
    (path) => ['concurrent', ...path],
  )
  if (wait === undefined)
    throw new OptionTypeError(
      ['concurrent'],
      "'auto' requires 'wait', such as wait: '10s': requests wait until the server takes them",
    )
  if (tiers !== undefined)
    throw new OptionTypeError(
      ['tiers'],
      "'auto' has no 'tiers', because the slots follow the server; prefer a tier with 'fair' and 'weights'",
    )
  return window
}

/**
 * Reads the option `firstToken`, in milliseconds. Undefined without it.
 *
 * @throws OptionError
 */
export function firstTokenOf<Request>(
  { firstToken }: ConcurrencyRule<Request>,
  hasWindow: boolean,
): number | undefined {
  if (firstToken === undefined) return undefined
  if (!hasWindow)
    throw new OptionTypeError(
      ['firstToken'],
      "'firstToken' requires concurrent: 'auto', which learns when responses begin; use 'wait' to bound the wait",
    )
  const milliseconds = relocate(
    () => parseDuration(firstToken),
    () => ['firstToken'],
  )
  if (milliseconds > MAX_WAIT_MS)
    throw new OptionRangeError(['firstToken'], "'firstToken' must be at most 24 days")
  return milliseconds
}

function readWindow(concurrent: 'auto' | { readonly auto: AutomaticOptions }): WindowOptions {
  if (concurrent === 'auto') return { max: DEFAULT_MAX, replicas: 1 }
  const [other] = Object.keys(concurrent).filter((key) => key !== 'auto')
  const { auto } = concurrent
  if (other !== undefined || auto === null || typeof auto !== 'object')
    throw new OptionTypeError(
      [],
      "'concurrent' must be a number, 'auto', or an object such as { auto: { max: 512 } }",
    )
  return relocate(
    () => readOptions(auto),
    (path) => ['auto', ...path],
  )
}

function readOptions(auto: AutomaticOptions): WindowOptions {
  for (const option of Object.keys(auto))
    if (!OPTIONS.includes(option)) throw unknownOption("'auto'", option, OPTIONS)
  const { max = DEFAULT_MAX, replicas = 1, gap, keep, hidden, metrics } = auto
  checkCount('max', max, Number.MAX_SAFE_INTEGER)
  checkCount('replicas', replicas, MAX_REPLICAS)
  if (keep !== undefined && !KEEP.includes(keep))
    throw new OptionTypeError(['keep'], `'keep' must be ${KEEP.join(' or ')}, not '${String(keep)}'`)
  if (hidden !== undefined && typeof hidden !== 'boolean')
    throw new OptionTypeError(['hidden'], `'hidden' must be true or false, not ${String(hidden)}`)
  return {
    ...{ max, replicas },
    ...(gap !== undefined && { gapMs: readGap(gap) }),
    ...(keep !== undefined && { keep }),
    ...(hidden !== undefined && { hasHiddenWork: hidden }),
    ...(metrics !== undefined && { metrics: readUrl(metrics) }),
  }
}

function checkCount(option: 'max' | 'replicas', value: number, most: number): void {
  if (!(Number.isSafeInteger(value) && value >= 1 && value <= most))
    throw new OptionRangeError(
      [option],
      `'${option}' must be a whole number of at least 1${most === MAX_REPLICAS ? ` and at most ${most}` : ''}, not ${String(value)}`,
    )
}

function readGap(gap: number | string): number {
  const milliseconds = relocate(
    () => parseDuration(gap),
    () => ['gap'],
  )
  if (milliseconds >= 1 && milliseconds <= MAX_GAP_MS) return milliseconds
  throw new OptionRangeError(['gap'], "'gap' must be from 1 ms to 1 minute per token, such as 60ms")
}

function readUrl(metrics: string): string {
  const url = typeof metrics === 'string' && URL.canParse(metrics) ? new URL(metrics) : undefined
  if (url !== undefined && url.username + url.password !== '')
    throw new OptionTypeError(['metrics'], "'metrics' must not contain credentials, which would be logged")
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:')) return url.href
  throw new OptionTypeError(
    ['metrics'],
    `'metrics' must be a URL such as http://localhost:8000/metrics, not '${String(metrics)}'`,
  )
}
