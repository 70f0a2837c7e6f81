import { useEffect, useRef, useState } from 'preact/hooks'
import type { ReportPage } from '../../../../src/replay/html/fill-template.js'
import type { ReplayProgress } from '../../../../src/server/admin/api/replay-types.js'
import type { AdminApi } from '../../api/admin-api.js'
import { followReplay } from '../../api/replay-feed.js'
import { queryOf, type ReplayQuery } from './replay-query.js'

/** How a replay stands. */
type Run =
  | { readonly state: 'none' }
  /** Without progress where it has only begun. */
  | { readonly state: 'running'; readonly progress?: ReplayProgress }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'done'; readonly page: ReportPage }

export interface Replaying {
  readonly run: Run
  readonly begin: (question: ReplayQuery) => void
  /** The gateway ends it, too. */
  readonly stop: () => void
}

/** One replay at a time; it ends with the page. */
export function useReplay(api: AdminApi): Replaying {
  const [run, setRun] = useState<Run>({ state: 'none' })
  const current = useRef<AbortController | undefined>(undefined)
  useEffect(() => () => current.current?.abort(), [])

  async function begin(question: ReplayQuery): Promise<void> {
    const own = new AbortController()
    current.current?.abort()
    current.current = own
    const set = (next: Run) => {
      if (current.current === own) setRun(next)
    }
    set({ state: 'running' })
    try {
      const posted = question.ask === 'other' ? question.yaml : ''
      const response = await api.replay(queryOf(question), posted, own.signal)
      const page = await followReplay(response, (progress) => set({ state: 'running', progress }))
      set({ state: 'done', page })
    } catch (error) {
      set({ state: 'failed', reason: error instanceof Error ? error.message : String(error) })
    }
  }

  return {
    run,
    begin: (question) => void begin(question),
    stop() {
      current.current?.abort()
      current.current = undefined
      setRun({ state: 'none' })
    },
  }
}
