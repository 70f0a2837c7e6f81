import { Readable } from 'node:stream'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { replay } from '../../src/replay/replay.js'
import type { ReplayOptions } from '../../src/replay/replay-options.js'
import { Trace, type TraceOptions, type TraceReading } from '../../src/replay/trace/trace.js'
import type { TraceRequest } from '../../src/replay/trace/trace-request.js'

/** A configuration of one route, or of several. */
export function configOf(limits: string, more = '') {
  return parseConfig(
    `
upstream: http://127.0.0.1:9000
${more}
routes:
  - match: POST /predict
    limits: ${limits}
`,
    'replayed.yaml',
  )
}

/** What is read of a trace that comes in a stream, in pieces of a few bytes. */
export async function readAll(
  text: string | Buffer,
  options: TraceOptions = {},
  size = 7,
): Promise<{ requests: TraceRequest[]; origin: number; reading: TraceReading }> {
  const trace = await Trace.open(streamOf(text, size), options)
  const requests: TraceRequest[] = []
  for await (const some of trace.requests()) requests.push(...some)
  return { requests, origin: trace.origin, reading: trace.reading }
}

export function streamOf(text: string | Buffer, size = 7): Readable {
  const bytes = Buffer.from(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
  return Readable.from(pieces)
}

/** Which requests are let in, in their order, and what the report says. */
export async function played(trace: string, limits: string, options: ReplayOptions = {}, more = '') {
  const letIn: boolean[] = []
  const report = await replay(streamOf(trace, 1000), configOf(limits, more), {
    ...options,
    onDecision: ({ number, outcome }) => {
      letIn[number] = outcome.kind === 'allowed' || outcome.kind === 'unlimited'
    },
  })
  return { letIn: letIn.map((each) => (each ? '+' : '-')).join(''), report }
}
