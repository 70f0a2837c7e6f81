import { reportTemplate } from '../../../replay/html/report-page.js'
import type { AdminRoute } from '../admin-route.js'
import type { RecordStatus } from '../api/replay-types.js'
import { replayEndpoint } from './replay-endpoint.js'
import type { RecordReplay } from './replay-recording.js'

/** Access to the recorded traffic. */
export interface RecordSources {
  readonly replay: RecordReplay
  readonly status: () => Promise<RecordStatus>
}

/**
 * Returns the routes for recorded traffic by path: the status of the record, the replay, and the
 * template of the report page.
 *
 * @param record undefined if recording is off
 * @param headers headers of every response
 */
export function replayRoutes(
  record: RecordSources | undefined,
  headers: Readonly<Record<string, string>>,
): readonly (readonly [path: string, route: AdminRoute])[] {
  const off: RecordStatus = { recording: false }
  return [
    [
      '/api/record',
      {
        access: 'data',
        handle: async () => ({ status: 200, body: (await record?.status()) ?? off }),
      },
    ],
    ['/api/replay', replayEndpoint(record?.replay, headers)],
    [
      '/api/report-page',
      // Sent as plain text, so that no browser runs the page on this port.
      {
        access: 'data',
        handle: async () => ({
          status: 200,
          type: 'text/plain; charset=utf-8',
          body: await reportTemplate(),
        }),
      },
    ],
  ]
}
