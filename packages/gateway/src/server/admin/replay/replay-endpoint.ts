import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ReportPage } from '../../../replay/html/fill-template.js'
import { UNBOUNDED } from '../../http/body-memory.js'
import { BodyTooLargeError, readBody } from '../../http/read-body.js'
import { type AdminRoute, failure } from '../admin-route.js'
import { NDJSON, type ReplayLine } from '../api/replay-types.js'
import type { RecordReplay } from './replay-recording.js'
import { parseReplayRequest, ReplayRequestError } from './replay-request.js'

/** Maximum size of a posted configuration, in bytes. */
const MAX_CONFIG_BYTES = 2 ** 20

/**
 * Returns the route that replays recorded traffic. It replays the running configuration, compares
 * it with a posted one, or suggests a limit that meets an objective. A replay changes nothing. Only
 * one replay runs at a time, because each occupies a CPU core. A replay stops when its client
 * disconnects.
 *
 * The response is the output of `sluice replay --json`. A client that accepts application/x-ndjson
 * gets progress as lines of JSON, then the result.
 *
 * @param replay undefined if recording is off
 * @param headers headers of every response
 */
export function replayEndpoint(
  replay: RecordReplay | undefined,
  headers: Readonly<Record<string, string>>,
): AdminRoute {
  let isBusy = false
  return {
    method: 'POST',
    access: 'data',
    async handle({ request, response, query }) {
      if (replay === undefined)
        return failure(
          404,
          "recording is off; set 'record' in the configuration to a file such as traffic.jsonl.gz",
        )
      let hasStarted = false
      const aborted = new AbortController()
      response.once('close', () => aborted.abort())
      const stream = request.headers.accept?.includes(NDJSON)
        ? new ProgressStream(response, headers)
        : undefined
      try {
        const replayRequest = parseReplayRequest(query, await readConfig(request))
        // Checked after the whole body has arrived, so that a stalled client does not block others.
        if (isBusy) return failure(503, 'another replay is running; try again later')
        hasStarted = true
        isBusy = true
        const page = await replay(replayRequest, {
          onBegun: () => stream?.begin(),
          onProgress: (progress) => stream?.send({ progress }),
          signal: aborted.signal,
        })
        return stream === undefined ? { status: 200, body: jsonReport(page) } : stream.end({ page })
      } catch (error) {
        if (aborted.signal.aborted) return undefined
        const expected = failureOf(error)
        if (expected === undefined) throw error
        return stream?.hasBegun
          ? stream.end({ error: expected.error })
          : failure(expected.status, expected.error)
      } finally {
        if (hasStarted) isBusy = false
      }
    },
  }
}

/** A response that reports progress, one line of JSON at a time. */
class ProgressStream {
  constructor(
    private readonly response: ServerResponse,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  get hasBegun(): boolean {
    return this.response.headersSent
  }

  begin(): void {
    this.response.writeHead(200, { ...this.headers, 'content-type': NDJSON }).flushHeaders()
  }

  /** Sends a line, or skips it if the client does not keep up. */
  send(line: ReplayLine): void {
    if (!this.response.writableNeedDrain) this.response.write(`${JSON.stringify(line)}\n`)
  }

  end(line: ReplayLine): undefined {
    this.response.end(`${JSON.stringify(line)}\n`)
  }
}

function jsonReport({ report, comparison, suggestion }: ReportPage): object {
  return suggestion ?? comparison ?? report
}

function failureOf(error: unknown): { readonly status: number; readonly error: string } | undefined {
  if (error instanceof BodyTooLargeError)
    return { status: 413, error: 'the configuration must not exceed 1 MiB' }
  if (error instanceof ReplayRequestError) return { status: 400, error: error.message }
  if (error instanceof Error && error.name === 'TraceError') return { status: 409, error: error.message }
  return undefined
}

async function readConfig(request: IncomingMessage): Promise<string> {
  const { bytes } = await readBody(request, {
    limit: MAX_CONFIG_BYTES,
    lease: () => UNBOUNDED,
  })
  return bytes.toString('utf8')
}
