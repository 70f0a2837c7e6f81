import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ResponseMeter } from '../../packages/gateway/src/policy/llm/response/response-meter.js'
import { fuzzPlan } from './plan.js'
import { type PlannedStream, streamOf, streamPlans } from './token-stream.js'

const plan = fuzzPlan({ short: 150, full: 20_000 })

/** Ends of chunks as fractions of all bytes, or single bytes. */
const chunkings = fc.oneof(
  fc.constant('by byte' as const),
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
)
type Chunking = 'by byte' | number[]

function chunksOf(bytes: Buffer, chunking: Chunking): Buffer[] {
  if (chunking === 'by byte') return Array.from(bytes, (byte) => Buffer.of(byte))
  const ends = chunking
    .map((fraction) => Math.floor(fraction * bytes.length))
    .sort((one, other) => one - other)
  return [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
}

function settle(
  { call, headers }: PlannedStream,
  chunks: readonly Buffer[],
  kind: 'interrupted' | 'answered',
) {
  const meter = new ResponseMeter(call)
  meter.head(200, headers)
  for (const chunk of chunks) meter.data(chunk)
  return meter.settlement({ kind })
}

it(`the meter charges a stream for the delivered tokens, to within one event, wherever the stream is interrupted (seed ${plan.seed})`, {
  timeout: 7_200_000,
}, () => {
  let interruptions = 0
  let streams = 0
  fc.assert(
    fc.property(
      streamPlans,
      chunkings,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (drawn, chunking, fraction) => {
        if (plan.isOver()) return
        streams += 1
        const stream = streamOf(drawn)
        const { parts, reported, inputs } = stream
        const largest = parts.reduce(
          (most, { delivered }, index) => Math.max(most, delivered - (parts[index - 1]?.delivered ?? 0)),
          0,
        )
        for (let sent = 0; sent <= parts.length; sent += 1) {
          const whole = Buffer.concat(parts.slice(0, sent).map(({ bytes }) => bytes))
          const next = parts[sent]?.bytes ?? Buffer.alloc(0)
          // Interrupts after an event and within the next one.
          for (const more of [0, Math.floor(fraction * next.length * 0.99)]) {
            const bytes = Buffer.concat([whole, next.subarray(0, more)])
            const settlement = settle(stream, chunksOf(bytes, chunking), 'interrupted')
            interruptions += 1
            // A JSON document that has begun keeps its reservation.
            if (settlement === 'unknown') {
              expect(sent, JSON.stringify(drawn)).toBe(0)
              continue
            }
            expect(inputs).toContain(settlement.input_tokens)
            // An event interrupted within its final line break may count as complete.
            const error = Math.min(
              ...[sent, ...(more > 0 ? [sent + 1] : [])].map((count) => {
                const isReported = reported !== undefined && count === parts.length
                const distance = Math.abs(
                  settlement.output_tokens - (isReported ? reported : (parts[count - 1]?.delivered ?? 0)),
                )
                return isReported ? distance : Math.max(0, distance - largest)
              }),
            )
            expect(error, `${sent} events of ${JSON.stringify(drawn)}`).toBe(0)
          }
        }
        if (parts.length === 0) return
        const bytes = Buffer.concat(parts.map((part) => part.bytes))
        const expected = settle(stream, [bytes], 'answered')
        expect(settle(stream, chunksOf(bytes, chunking), 'answered')).toEqual(expected)
        if (reported !== undefined) expect(expected).toMatchObject({ output_tokens: reported })
      },
    ),
    { seed: plan.seed, numRuns: plan.runs },
  )
  console.info(`${streams} of ${plan.runs} streams, interrupted ${interruptions} times`)
})
