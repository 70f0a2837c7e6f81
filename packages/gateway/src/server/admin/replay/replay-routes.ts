import { reportTemplate } from '../../../replay/html/report-page.js'
import type { Page } from '../admin-route.js'
import type { RecordStatus } from '../api/replay-types.js'
import { replayEndpoint } from './replay-endpoint.js'
import type { RecordReplay } from './replay-recording.js'

/** What was recorded. */
export interface RecordSources {
  readonly replay: RecordReplay
  readonly status: () => Promise<RecordStatus>
}

/**
 * What concerns the record, by its path: what there is, a replay of it, and the page for its report, which has none in it yet.
 *
 * @param record undefined where nothing is recorded
 * @param headers of every answer
 */
export function replayRoutes(
  record: RecordSources | undefined,
  headers: Readonly<Record<string, string>>,
): readonly (readonly [path: string, page: Page])[] {
  const nothing: RecordStatus = { recording: false }
  return [
    [
      '/api/record',
      {
        access: 'data',
        answer: async () => ({ status: 200, body: (await record?.status()) ?? nothing }),
      },
    ],
    ['/api/replay', replayEndpoint(record?.replay, headers)],
    [
      '/api/report-page',
      // As a text: what is to be put into it runs nowhere on this port.
      {
        access: 'data',
        answer: async () => ({
          status: 200,
          type: 'text/plain; charset=utf-8',
          body: await reportTemplate(),
        }),
      },
    ],
  ]
}
