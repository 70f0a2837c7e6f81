import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mergeLines } from '../../../src/replay/record/merge-lines.js'

const START = 1_790_000_000_000
const HEAD = '{"sluice_record":1}\n'

interface Line {
  readonly time: number
  readonly source: number
  readonly number: number
}

/** Builds the lines of each source from the times of its requests. */
function linesOf(sources: readonly (readonly number[])[]): Line[][] {
  return sources.map((times, source) => times.map((at, number) => ({ time: START + at, source, number })))
}

/** Yields the lines of a source in chunks of the given numbers of lines, repeatedly. */
async function* chunksOf(lines: readonly Line[], sizes: readonly number[]): AsyncGenerator<Buffer> {
  const texts = [HEAD, ...lines.map((line) => `${JSON.stringify(line)}\n`)]
  for (let at = 0, chunk = 0; at < texts.length; chunk++) {
    const size = sizes[chunk % sizes.length] as number
    yield Buffer.from(texts.slice(at, at + size).join(''))
    at += size
  }
}

async function merged(sources: readonly AsyncGenerator<Buffer>[]): Promise<Line[]> {
  let text = ''
  for await (const chunk of mergeLines(sources)) text += chunk
  const lines = text.split('\n').slice(0, -1)
  return lines.filter((line) => !HEAD.startsWith(line)).map((line) => JSON.parse(line))
}

/** Returns how late each request is: the time by which a request before it is later, or 0. */
function latenessOf(lines: readonly Line[]): number[] {
  let latest = Number.NEGATIVE_INFINITY
  return lines.map(({ time }) => {
    latest = Math.max(latest, time)
    return latest - time
  })
}

const sizesOfChunks = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
const timesOfSources = fc.array(fc.array(fc.nat(60), { maxLength: 40 }), { maxLength: 5 })

it('merges sources in order of time as a stable sort does, equal times in the order of the sources', async () => {
  await fc.assert(
    fc.asyncProperty(timesOfSources, sizesOfChunks, async (times, sizes) => {
      const sources = linesOf(times.map((each) => each.toSorted((a, b) => a - b)))
      const expected = sources.flat().sort((a, b) => a.time - b.time || a.source - b.source)
      expect(await merged(sources.map((lines) => chunksOf(lines, sizes)))).toEqual(expected)
    }),
    { numRuns: 300, seed: 15 },
  )
})

it('keeps all lines and the order of each source, and makes no request later than it was', async () => {
  await fc.assert(
    fc.asyncProperty(timesOfSources, sizesOfChunks, async (times, sizes) => {
      const sources = linesOf(times)
      const all = await merged(sources.map((lines) => chunksOf(lines, sizes)))
      const lateness = latenessOf(all)
      for (const [source, lines] of sources.entries()) {
        expect(all.filter((line) => line.source === source)).toEqual(lines)
        for (const [number, late] of latenessOf(lines).entries()) {
          const position = all.findIndex((line) => line.source === source && line.number === number)
          expect(lateness[position]).toBeLessThanOrEqual(late)
        }
      }
    }),
    { numRuns: 300, seed: 16 },
  )
})

it('keeps lines that are not requests behind the request before them', async () => {
  const texts = [
    `${HEAD}{"time":1,"a":1}\n{"time":oops,"a":2}\n${HEAD}{"time":4,"a":3}\n`,
    `${HEAD}{"time":2,"b":1}\n{"time":3,"b":2}\n{"time":5,"b":3}\n`,
  ]
  async function* source(text: string): AsyncGenerator<Buffer> {
    yield Buffer.from(text)
  }
  let text = ''
  for await (const chunk of mergeLines(texts.map(source))) text += chunk
  const order = text.split('\n').flatMap((line) => /"[ab]":\d/.exec(line) ?? [])
  expect(order).toEqual(['"a":1', '"a":2', '"b":1', '"b":2', '"a":3', '"b":3'])
})

it('reads each source only as far as needed, and ends all sources when it is stopped', async () => {
  const progress = [0, 0]
  let ended = 0
  async function* source(index: number): AsyncGenerator<Buffer> {
    try {
      for (let number = 0; number < 1000; number++) {
        progress[index] = number
        const lines = Array.from({ length: 100 }, (_, line) => ({ time: START + number * 100 + line, index }))
        yield Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
      }
    } finally {
      ended++
    }
  }
  let chunks = 0
  for await (const chunk of mergeLines([source(0), source(1)])) {
    expect(chunk.length).toBeLessThan(2 ** 17)
    expect(Math.abs((progress[0] as number) - (progress[1] as number))).toBeLessThanOrEqual(1)
    if (++chunks === 5) break
  }
  expect(progress[0]).toBeLessThan(100)
  expect(ended).toBe(2)
})
