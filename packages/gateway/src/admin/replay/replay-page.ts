import type { IncomingMessage } from 'node:http'
import { ConfigError, parseConfig } from '../../config/load.js'
import { BodyTooLargeError, readBody } from '../../proxy/read-body.js'
import type { Answer, Page } from '../page.js'
import type { RecordReplay } from './record-replay.js'

/** Longest configuration, in bytes. */
const LONGEST = 2 ** 20

/**
 * Replays what was recorded: through the configuration that runs, or beside it through one that is posted. It changes nothing. One at a
 * time, since each takes a processor for a while.
 *
 * @param replay undefined where nothing is recorded
 */
export function replayPage(replay: RecordReplay | undefined): Page {
  let busy = false
  return {
    method: 'POST',
    access: 'data',
    async answer({ request }) {
      if (replay === undefined)
        return failed(404, "nothing is recorded: the file has no 'record', such as traffic.jsonl.gz")
      if (busy) return failed(503, 'a replay is under way already')
      busy = true
      try {
        const posted = await textOf(request)
        if (posted !== '') parseConfig(posted, 'posted')
        return { status: 200, body: await replay(posted === '' ? undefined : posted) }
      } catch (error) {
        if (error instanceof BodyTooLargeError) return failed(413, 'a configuration has at most 1 MiB')
        if (error instanceof ConfigError) return failed(400, error.message)
        if (error instanceof Error && error.name === 'TraceError') return failed(409, error.message)
        throw error
      } finally {
        busy = false
      }
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  return (await readBody(request, LONGEST, () => {})).toString('utf8')
}

function failed(status: number, error: string): Answer {
  return { status, body: { error } }
}
