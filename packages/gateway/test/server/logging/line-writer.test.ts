import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineWriter, type LineWriterOptions } from '../../../src/server/logging/line-writer.js'

const failure = (code: string) => Object.assign(new Error(code), { code })

/** Creates a writer whose retries are triggered by the test. */
function createWriter(sink: LineWriterOptions['sink'], options: Partial<LineWriterOptions> = {}) {
  const retries: (() => void)[] = []
  const writer = new LineWriter({ sink, after: (_, call) => retries.push(call), ...options })
  return { writer, retry: () => retries.shift()?.(), pendingRetries: () => retries.length }
}

describe('LineWriter', () => {
  it('writes lines synchronously if the sink is synchronous', () => {
    let text = ''
    const { writer } = createWriter((bytes) => {
      text += bytes
      return bytes.length
    })
    writer.write('one\n')
    writer.write('two\n')
    expect(text).toBe('one\ntwo\n')
  })

  it('buffers a bounded number of bytes, counts dropped lines, and reports them once there is room', async () => {
    let isStuck = true
    let text = ''
    const { writer, retry, pendingRetries } = createWriter(
      (bytes) => {
        if (isStuck) throw failure('EAGAIN')
        text += bytes
        return bytes.length
      },
      { maxWaitingBytes: 100, droppedLine: (dropped) => `dropped ${dropped}\n` },
    )
    for (let line = 0; line < 1000; line++) writer.write('0123456789\n')
    expect(writer.dropped).toBe(991)
    expect(pendingRetries()).toBe(1)
    expect(await writer.flush(1)).toBe(false)
    isStuck = false
    retry()
    expect(text).toBe(`${'0123456789\n'.repeat(9)}dropped 991\n`)
    expect(await writer.flush(1)).toBe(true)
    writer.write('later\n')
    expect(text).toMatch(/later\n$/)
  })

  it('reports a failure once, keeps retrying, and does not block a flush', async () => {
    const failures: string[] = []
    let isFull = true
    let text = ''
    const { writer, retry } = createWriter(
      async (bytes) => {
        if (isFull) throw failure('ENOSPC')
        text += bytes
        return bytes.length
      },
      { onFailure: ({ message }) => failures.push(message) },
    )
    writer.write('first\n')
    expect(await writer.flush(60_000)).toBe(false)
    retry()
    writer.write('second\n')
    expect(await writer.flush(60_000)).toBe(false)
    expect(failures).toEqual(['ENOSPC'])
    isFull = false
    await new Promise((resolve) => setImmediate(resolve))
    retry()
    await new Promise((resolve) => setImmediate(resolve))
    expect(await writer.flush(60_000)).toBe(true)
    expect(text).toBe('first\nsecond\n')
  })

  it('never loses, repeats or reorders an accepted line, however many bytes the sink accepts', () => {
    const outcome = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom('EAGAIN', 'ENOSPC', 'EPIPE'))
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 20 }).map((line) => line.replaceAll('\n', ' '))),
        fc.array(outcome),
        (lines, outcomes) => {
          let text = Buffer.alloc(0)
          const { writer, retry, pendingRetries } = createWriter(
            (bytes) => {
              const next = outcomes.shift()
              if (typeof next === 'string') throw failure(next)
              const accepted = Math.min(bytes.length, next ?? bytes.length)
              text = Buffer.concat([text, bytes.subarray(0, accepted)])
              return accepted
            },
            { maxWaitingBytes: 200, maxWriteBytes: 32 },
          )
          const accepted = lines.filter((line) => {
            const before = writer.dropped
            writer.write(`${line}\n`)
            return writer.dropped === before
          })
          while (pendingRetries() > 0) retry()
          expect(text.toString()).toBe(accepted.map((line) => `${line}\n`).join(''))
          expect(accepted.length + writer.dropped).toBe(lines.length)
        },
      ),
      { seed: 5 },
    )
  })
})
