import { useMemo } from 'preact/hooks'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import { timeOfDay } from '../components/format.js'
import { bucketStart, bucketsOf, type TimeBucket } from '../timeseries/buckets.js'
import { type History, joinSamples } from '../timeseries/history.js'

/** The time range of the plots, in minutes. */
export type Minutes = '1' | '5' | '15' | '60' | '360' | '1440'

/** Epoch milliseconds. */
export type TimeSpan = readonly [from: number, to: number]

/** The period that the plots show. */
export interface Period {
  /** The range that ends now. */
  readonly minutes: Minutes
  /** A part of the past, which replaces the range; undefined unless zoomed. */
  readonly zoom: TimeSpan | undefined
}

/** The data of the plots: a route and a period. */
export interface View {
  /** Undefined for all routes. */
  readonly route: string | undefined
  readonly period: Period
  readonly samples: readonly Sample[]
  readonly buckets: readonly TimeBucket[]
  /** Start of each bucket, in epoch milliseconds. */
  readonly times: readonly number[]
  readonly span: TimeSpan
  /** Length of a bucket in seconds. */
  readonly length: number
  readonly onZoom: (from: number, to: number) => void
}

/** The shortest span that can be shown. */
const MIN_SPAN_MS = 10_000
/** The live samples reach this far back; what is older is known by the minute. */
const LIVE_MINUTES = 15

/** Reports whether a period needs samples that the live feed does not have. */
export function needsMinutes({ minutes, zoom }: Period, now: number): boolean {
  return Number(minutes) > LIVE_MINUTES || (zoom !== undefined && zoom[0] < now - LIVE_MINUTES * 60_000)
}

/** Selects the samples of a route and a period, and groups them into points. */
export function useView(
  history: History,
  minutes: readonly Sample[],
  route: string | undefined,
  period: Period,
  onZoom: View['onZoom'],
): View {
  const all = useMemo(() => joinSamples(minutes, history.samples), [minutes, history])
  return useMemo(() => {
    const newest = history.samples.at(-1)?.at ?? Date.now()
    const span = period.zoom ?? rangeBefore(newest, period.minutes, all)
    const samples = all.filter(({ at }) => at > span[0] && at <= span[1])
    const isCoarse = samples.some(({ seconds }) => seconds > 1)
    const length = lengthFor((span[1] - span[0]) / 1000, isCoarse)
    // The first point covers its whole length.
    const from = bucketStart(span[0], length)
    const buckets = bucketsOf(
      all.filter(({ at }) => at >= from && at <= span[1]),
      route,
      length,
    )
    return { route, period, samples, buckets, times: buckets.map(({ at }) => at), span, length, onZoom }
  }, [history, all, route, period, onZoom])
}

/** Returns a range that ends now. A short history gets a shorter range, so that lines fill the plot. */
function rangeBefore(now: number, minutes: Minutes, all: readonly Sample[]): TimeSpan {
  const known = now - (all[0]?.at ?? now)
  return [now - Math.min(Number(minutes) * 60_000, Math.max(known, 60_000)), now]
}

/** Returns the number of seconds per point, chosen so that a plot has at most 360 points. */
function lengthFor(seconds: number, isCoarse: boolean): number {
  if (isCoarse) return seconds <= 21_600 ? 60 : 300
  return seconds <= 120 ? 1 : seconds <= 360 ? 2 : 5
}

/**
 * Returns a span that is moved or resized around its middle, and ends by now at the latest.
 *
 * @param shift in spans: 0.5 moves it later by half its length
 * @param factor of its length
 */
export function changedSpan([from, to]: TimeSpan, shift: number, factor: number, now: number): TimeSpan {
  const length = Math.min(Math.max((to - from) * factor, MIN_SPAN_MS), 1440 * 60_000)
  const middle = (from + to) / 2 + shift * (to - from)
  const end = Math.min(middle + length / 2, now)
  return [end - length, end]
}

export function routeLabel({ route }: View): string {
  return route ?? 'all routes'
}

/** Names the period: `last 15 min`, or `12:00:05 to 12:01:10`. */
export function periodLabel({ period: { minutes, zoom } }: Pick<View, 'period'>): string {
  if (zoom !== undefined) return `${timeOfDay(zoom[0])} to ${timeOfDay(zoom[1])}`
  return Number(minutes) < 60 ? `last ${minutes} min` : `last ${Number(minutes) / 60} h`
}
