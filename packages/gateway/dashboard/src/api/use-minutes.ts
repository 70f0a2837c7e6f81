import { useEffect, useRef, useState } from 'preact/hooks'
import type { Sample } from '../../../src/server/admin/api/live-samples.js'
import type { AdminApi } from './admin-api.js'

const POLL_INTERVAL_MS = 15_000
/** Maximum number of minutes: 24 hours. */
const MAX_MINUTES = 1440

/**
 * Loads the traffic of the last 24 hours by the minute while it is needed. Later requests load only
 * the minutes that are new.
 *
 * @param started start time of the gateway; another gateway has another history
 */
export function useMinutes(api: AdminApi, isNeeded: boolean, started: number | undefined): readonly Sample[] {
  const known = useRef<readonly Sample[]>([])
  const [minutes, setMinutes] = useState<readonly Sample[]>([])
  useEffect(() => {
    known.current = []
    setMinutes([])
  }, [started])
  useEffect(() => {
    if (!isNeeded || started === undefined) return
    let isStopped = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const poll = async () => {
      const last = known.current.at(-1)?.at
      // A failed request is repeated; the live feed reports a lost connection.
      const added = await api.history(last === undefined ? 0 : last + 1).catch(() => [])
      if (isStopped) return
      if (added.length > 0) {
        known.current = [...known.current, ...added].slice(-MAX_MINUTES)
        setMinutes(known.current)
      }
      timer = setTimeout(poll, POLL_INTERVAL_MS)
    }
    void poll()
    return () => {
      isStopped = true
      clearTimeout(timer)
    }
  }, [api, isNeeded, started])
  return minutes
}
