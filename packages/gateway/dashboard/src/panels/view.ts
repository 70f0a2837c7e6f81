import { useMemo } from 'preact/hooks'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import { bucketsOf, type TimeBucket } from '../timeseries/buckets.js'
import type { History } from '../timeseries/history.js'

/** How far back the plots go, in minutes. */
export type Minutes = '1' | '5' | '15'

/** What the plots show: of which route, how far back. */
export interface View {
  /** Undefined: of all of them. */
  readonly route: string | undefined
  readonly minutes: Minutes
  readonly samples: readonly Sample[]
  readonly stretches: readonly TimeBucket[]
  /** Epoch milliseconds of each stretch. */
  readonly times: readonly number[]
  readonly span: readonly [from: number, to: number]
}

export function useView(history: History, route: string | undefined, minutes: Minutes): View {
  return useMemo(() => {
    const to = history.samples.at(-1)?.at ?? Date.now()
    const known = (to - (history.samples[0]?.at ?? to)) / 1000
    // A gateway that is young is not shown as a line at the edge.
    const seconds = Math.min(Number(minutes) * 60, Math.max(known, 60))
    const length = lengthFor(seconds)
    const stretches = bucketsOf(history.lastSeconds(seconds + length), route, length)
    return {
      route,
      minutes,
      samples: history.lastSeconds(seconds),
      stretches,
      times: stretches.map(({ at }) => at),
      span: [to - seconds * 1000, to],
    }
  }, [history, route, minutes])
}

/** Seconds a point: at most 180 points however long it is. */
function lengthFor(seconds: number): number {
  return seconds <= 120 ? 1 : seconds <= 360 ? 2 : 5
}

export function routeLabel({ route }: View): string {
  return route ?? 'all routes'
}
