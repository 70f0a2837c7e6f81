import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import { History } from '../timeseries/history.js'
import type { AdminApi } from './admin-api.js'
import { type Connection, LiveFeed } from './live-feed.js'

/** The current data of the gateway. */
export interface Live {
  readonly connection: Connection
  readonly history: History
  readonly status: Status | undefined
}

const EMPTY: Live = { connection: { state: 'connecting' }, history: History.empty, status: undefined }

/** Receives live data while the page is open. Rendering pauses while the page is hidden. */
export function useLive(api: AdminApi): readonly [Live, LiveFeed] {
  const latest = useRef(EMPTY)
  const [shown, show] = useState(EMPTY)
  const feed = useMemo(() => {
    const update = (change: Partial<Live>) => {
      latest.current = { ...latest.current, ...change }
      if (!document.hidden) show(latest.current)
    }
    return new LiveFeed(api, {
      onConnection: (connection) => update({ connection }),
      onHistory: (samples) => update({ history: History.of(samples) }),
      onSample: (sample) => update({ history: latest.current.history.with(sample) }),
      onStatus: (status) => update({ status }),
    })
  }, [api])
  useEffect(() => {
    const onVisibilityChange = () => {
      if (!document.hidden) show(latest.current)
    }
    document.addEventListener('visibilitychange', onVisibilityChange)
    void feed.connect()
    return () => {
      document.removeEventListener('visibilitychange', onVisibilityChange)
      feed.stop()
    }
  }, [feed])
  return [shown, feed]
}
