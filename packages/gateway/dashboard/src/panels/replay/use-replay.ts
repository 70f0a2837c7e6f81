import { useEffect, useRef, useState } from 'preact/hooks'
import type { ReportPage } from '../../../../src/replay/html/fill-template.js'
import type { ReplayProgress } from '../../../../src/server/admin/api/replay-types.js'
import type { AdminApi } from '../../api/admin-api.js'
import { followReplay } from '../../api/replay-feed.js'
import { queryOf, type ReplayQuery } from './replay-query.js'

/** The state of a replay. */
type Run =
  | { readonly state: 'none' }
  /** `progress` is undefined until the gateway reports it. */
  | { readonly state: 'running'; readonly progress?: ReplayProgress }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'done'; readonly page: ReportPage }

export interface ReplayControls {
  readonly run: Run
  readonly begin: (query: ReplayQuery) => void
  /** Stops the replay on the page and on the gateway. */
  readonly stop: () => void
}

/** Runs one replay at a time. A running replay stops when the page closes. */
export function useReplay(api: AdminApi): ReplayControls {
  const [run, setRun] = useState<Run>({ state: 'none' })
  const current = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => current.current?.abort(), [])

  async function begin(query: ReplayQuery): Promise<void> {
    const controller = new AbortController()
    current.current?.abort()
    current.current = controller
    const set = (next: Run) => {
      if (current.current === controller) setRun(next)
    }
    set({ state: 'running' })
    try {
      const yaml = query.mode === 'other' ? query.yaml : ''
      const response = await api.replay(queryOf(query), yaml, controller.signal)
      const page = await followReplay(response, (progress) => set({ state: 'running', progress }))
      set({ state: 'done', page })
    } catch (error) {
      set({ state: 'failed', reason: error instanceof Error ? error.message : String(error) })
    }
  }

  return {
    run,
    begin: (query) => void begin(query),
    stop() {
      current.current?.abort()
      current.current = undefined
      setRun({ state: 'none' })
    },
  }
}
