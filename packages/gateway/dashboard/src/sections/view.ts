import { useMemo } from 'preact/hooks'
import type { Sample } from '../../../src/admin/live/live-types.js'
import type { History } from '../history/history.js'
import { type Stretch, stretchesOf } from '../history/stretches.js'

/** How far back the plots go, in minutes. */
export type Minutes = '1' | '5' | '15'

/** What the plots show: of which route, how far back. */
export interface View {
  /** Undefined: of all of them. */
  readonly route: string | undefined
  readonly minutes: Minutes
  readonly samples: readonly Sample[]
  readonly stretches: readonly Stretch[]
  /** Epoch milliseconds of each stretch. */
  readonly times: readonly number[]
  /** Seconds of a stretch. */
  readonly length: number
  readonly span: readonly [from: number, to: number]
}

/** Seconds a point: about 200 points however long it is. */
const LENGTHS: Record<Minutes, number> = { '1': 1, '5': 2, '15': 5 }

export function useView(history: History, route: string | undefined, minutes: Minutes): View {
  return useMemo(() => {
    const length = LENGTHS[minutes]
    const seconds = Number(minutes) * 60
    const stretches = stretchesOf(history.lastSeconds(seconds + length), route, length)
    const to = history.samples.at(-1)?.at ?? Date.now()
    return {
      route,
      minutes,
      samples: history.lastSeconds(seconds),
      stretches,
      times: stretches.map(({ at }) => at),
      length,
      span: [to - seconds * 1000, to],
    }
  }, [history, route, minutes])
}

export function ofRoute({ route }: View): string {
  return route ?? 'all routes'
}
