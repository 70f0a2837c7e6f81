import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReportPage } from '../../../replay/html/fill-template.js'
import { UNBOUNDED } from '../../http/body-memory.js'
import { BodyTooLargeError, readBody } from '../../http/read-body.js'
import type { Answer, Page } from '../admin-route.js'
import { AS_IT_GOES, type ReplayLine } from '../api/replay-types.js'
import type { RecordReplay } from './replay-recording.js'
import { QuestionError, readQuestion } from './replay-request.js'

/** Longest configuration, in bytes. */
const LONGEST = 2 ** 20

/**
 * Replays what was recorded: through the configuration that runs, beside it through one that is posted, or for a limit that grants a
 * wish. It changes nothing. One at a time, since each takes a processor for a while; it ends where nobody waits for it any more.
 *
 * The answer is what `sluice replay --json` writes. Whoever accepts application/x-ndjson is told as it goes on, in lines of JSON.
 *
 * @param replay undefined where nothing is recorded
 * @param headers of every answer
 */
export function replayEndpoint(
  replay: RecordReplay | undefined,
  headers: Readonly<Record<string, string>>,
): Page {
  let busy = false
  return {
    method: 'POST',
    access: 'data',
    async answer({ request, response, query }) {
      if (replay === undefined)
        return failed(404, "nothing is recorded: the file has no 'record', such as traffic.jsonl.gz")
      let isOurs = false
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const told = request.headers.accept?.includes(AS_IT_GOES) ? new Telling(response, headers) : undefined
      try {
        const question = readQuestion(query, await textOf(request))
        // Not before all of the question has come: who sends a part of one and no more keeps nobody from asking.
        if (busy) return failed(503, 'a replay is under way already')
        isOurs = true
        busy = true
        const page = await replay(question, {
          onBegun: () => told?.begin(),
          onProgress: (progress) => told?.tell({ progress }),
          signal: gone.signal,
        })
        return told === undefined ? { status: 200, body: plainAnswer(page) } : told.end({ page })
      } catch (error) {
        if (gone.signal.aborted) return undefined
        const failure = failureOf(error)
        if (failure === undefined) throw error
        return told?.hasBegun ? told.end({ error: failure.error }) : failed(failure.status, failure.error)
      } finally {
        if (isOurs) busy = false
      }
    },
  }
}

/** An answer that is told as it goes on. */
class Telling {
  constructor(
    private readonly response: ServerResponse,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  get hasBegun(): boolean {
    return this.response.headersSent
  }

  begin(): void {
    this.response.writeHead(200, { ...this.headers, 'content-type': AS_IT_GOES }).flushHeaders()
  }

  /** Who does not read it does without. */
  tell(line: ReplayLine): void {
    if (!this.response.writableNeedDrain) this.response.write(`${JSON.stringify(line)}\n`)
  }

  end(line: ReplayLine): undefined {
    this.response.end(`${JSON.stringify(line)}\n`)
  }
}

function plainAnswer({ report, comparison, suggestion }: ReportPage): object {
  return suggestion ?? comparison ?? report
}

function failureOf(error: unknown): { readonly status: number; readonly error: string } | undefined {
  if (error instanceof BodyTooLargeError) return { status: 413, error: 'a configuration has at most 1 MiB' }
  if (error instanceof QuestionError) return { status: 400, error: error.message }
  if (error instanceof Error && error.name === 'TraceError') return { status: 409, error: error.message }
  return undefined
}

async function textOf(request: IncomingMessage): Promise<string> {
  const { bytes } = await readBody(request, { limit: LONGEST, proceed: () => {}, lease: () => UNBOUNDED })
  return bytes.toString('utf8')
}

function failed(status: number, error: string): Answer {
  return { status, body: { error } }
}
