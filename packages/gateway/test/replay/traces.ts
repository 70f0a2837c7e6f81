import { Readable } from 'node:stream'
import { parseConfig } from '../../src/policy/config/load-config.js'
import { replay } from '../../src/replay/replay.js'
import type { ReplayOptions } from '../../src/replay/replay-options.js'
import { Trace, type TraceOptions, type TraceReading } from '../../src/replay/trace/trace.js'
import type { TraceRequest } from '../../src/replay/trace/trace-request.js'

/** Parses a configuration with the given limits on one route. */
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

/** Reads a trace from a stream in chunks of `size` bytes. */
export async function readAll(
  text: string | Buffer,
  options: TraceOptions = {},
  size = 7,
): Promise<{ requests: TraceRequest[]; origin: number; reading: TraceReading }> {
  const trace = await Trace.open(streamOf(text, size), options)
  const requests: TraceRequest[] = []
  for await (const batch of trace.requests()) requests.push(...batch)
  return { requests, origin: trace.origin, reading: trace.reading }
}

/** Creates a stream that yields chunks of `size` bytes. */
export function streamOf(text: string | Buffer, size = 7): Readable {
  const bytes = Buffer.from(text)
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
  return Readable.from(chunks)
}

/**
 * Replays a trace.
 *
 * @returns a `+` for each admitted request and a `-` for each other one, and the report
 */
export async function replayTrace(trace: string, limits: string, options: ReplayOptions = {}, more = '') {
  const admitted: boolean[] = []
  const report = await replay(streamOf(trace, 1000), configOf(limits, more), {
    ...options,
    onDecision: ({ number, outcome }) => {
      admitted[number] = outcome.kind === 'allowed' || outcome.kind === 'unlimited'
    },
  })
  return { admitted: admitted.map((each) => (each ? '+' : '-')).join(''), report }
}
