import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Status } from '../../../src/server/admin/api/gateway-status.js'
import { History } from '../timeseries/history.js'
import type { AdminApi } from './admin-api.js'
import { type Connection, LiveFeed } from './live-feed.js'

/** What the page knows of the gateway at this moment. */
export interface Live {
  readonly connection: Connection
  readonly history: History
  readonly status: Status | undefined
}

const NOTHING: Live = { connection: { state: 'connecting' }, history: History.empty, status: undefined }

/** Follows the gateway while the page is open. Nothing is drawn while nobody sees it. */
export function useLive(api: AdminApi): readonly [Live, LiveFeed] {
  const latest = useRef(NOTHING)
  const [shown, show] = useState(NOTHING)
  const feed = useMemo(() => {
    const know = (news: Partial<Live>) => {
      latest.current = { ...latest.current, ...news }
      if (!document.hidden) show(latest.current)
    }
    return new LiveFeed(api, {
      connection: (connection) => know({ connection }),
      history: (samples) => know({ history: History.of(samples) }),
      sample: (sample) => know({ history: latest.current.history.with(sample) }),
      status: (status) => know({ status }),
    })
  }, [api])
  useEffect(() => {
    const seen = () => {
      if (!document.hidden) show(latest.current)
    }
    document.addEventListener('visibilitychange', seen)
    void feed.connect()
    return () => {
      document.removeEventListener('visibilitychange', seen)
      feed.stop()
    }
  }, [feed])
  return [shown, feed]
}
