import { useMemo } from 'preact/hooks'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import { bucketsOf, type TimeBucket } from '../timeseries/buckets.js'
import type { History } from '../timeseries/history.js'

/** The time range of the plots, in minutes. */
export type Minutes = '1' | '5' | '15'

/** The data of the plots: a route and a time range. */
export interface View {
  /** Undefined for all routes. */
  readonly route: string | undefined
  readonly minutes: Minutes
  readonly samples: readonly Sample[]
  readonly buckets: readonly TimeBucket[]
  /** Start of each bucket, in epoch milliseconds. */
  readonly times: readonly number[]
  readonly span: readonly [from: number, to: number]
}

/** Selects the samples of a route and a time range, and groups them into points. */
export function useView(history: History, route: string | undefined, minutes: Minutes): View {
  return useMemo(() => {
    const to = history.samples.at(-1)?.at ?? Date.now()
    const known = (to - (history.samples[0]?.at ?? to)) / 1000
    // A short history gets a shorter range, so that the lines fill the plot.
    const seconds = Math.min(Number(minutes) * 60, Math.max(known, 60))
    const length = lengthFor(seconds)
    const buckets = bucketsOf(history.lastSeconds(seconds + length), route, length)
    return {
      route,
      minutes,
      samples: history.lastSeconds(seconds),
      buckets,
      times: buckets.map(({ at }) => at),
      span: [to - seconds * 1000, to],
    }
  }, [history, route, minutes])
}

/** Returns the number of seconds per point, chosen so that a plot has at most 180 points. */
function lengthFor(seconds: number): number {
  return seconds <= 120 ? 1 : seconds <= 360 ? 2 : 5
}

export function routeLabel({ route }: View): string {
  return route ?? 'all routes'
}
