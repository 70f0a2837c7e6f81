import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UsageFilter } from '../../../src/policy/llm/response/usage-filter.js'
import { event } from './llm-requests.js'
import { byByte, cutAt, modelBlocks, modelData, positions, streams } from './sse-stream.js'

const SEED = 20261128

function filterStream(chunks: readonly Buffer[]): string {
  const filter = new UsageFilter()
  return Buffer.concat([...chunks.map((chunk) => filter.push(chunk)), filter.end()]).toString('latin1')
}

/** Reference parser: the names and data of the events of a stream, as a client reads them. */
function eventsOf(bytes: Buffer): string[] {
  const { blocks, rest } = modelBlocks(withoutBom(bytes))
  return [...blocks, rest].flatMap((block) => {
    const data = modelData(block, false)
    if (data === undefined) return []
    const names = linesOf(block).flatMap((line) => /^event(?::\x20?(.*))?$/.exec(line.trimEnd())?.[1] ?? [])
    return [`${names.at(-1) ?? ''} ${data}`]
  })
}

const BOM = Buffer.from('\uFEFF')

function hasBom(bytes: Buffer): boolean {
  return bytes.subarray(0, BOM.length).equals(BOM)
}

function withoutBom(bytes: Buffer): Buffer {
  return hasBom(bytes) ? bytes.subarray(BOM.length) : bytes
}

function commentsOf(bytes: Buffer): string[] {
  return linesOf(withoutBom(bytes).toString('latin1')).filter((line) => line.startsWith(':'))
}

function linesOf(text: string): string[] {
  return text.match(/[^\r\n]*(\r\n|\r|\n)|[^\r\n]+$/g) ?? []
}

/**
 * Lists the lines of a stream without their endings. A stream that is interrupted within a line may
 * get a line ending before events that were held back.
 */
function linesWithoutEnds(bytes: Buffer): string[] {
  return linesOf(withoutBom(bytes).toString('latin1'))
    .map((line) => line.replace(/[\r\n]+$/, ''))
    .sort()
}

function isUsage(event: string): boolean {
  try {
    const { choices, usage } = JSON.parse(event.slice(event.indexOf(' ') + 1))
    const hasChoices = Array.isArray(choices) && choices.length > 0
    return !hasChoices && typeof usage === 'object' && usage !== null && !Array.isArray(usage)
  } catch {
    return false
  }
}

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
const word = (content: string) => event({ choices: [{ delta: { content } }], usage: null })

describe('the usage filter', () => {
  it('removes the usage and nothing else', () => {
    const before = event({ choices: [], prompt_filter_results: [] }) + word('a') + word('é😀')
    const last = event({ choices: [{ delta: {}, finish_reason: 'stop' }], usage })
    const stream = Buffer.from(before + last + event({ choices: [], usage }) + event('[DONE]'))
    const expected = Buffer.from(before + last + event('[DONE]')).toString('latin1')
    expect(filterStream([stream])).toBe(expected)
    expect(filterStream(byByte(stream))).toBe(expected)
  })

  it.each(['\n', '\r\n', '\r'])('removes the usage from lines that end with %j', (end) => {
    const stream = (more: string) => Buffer.from(event('{"choices":[1]}', end) + more + event('[DONE]', end))
    const expected = stream('').toString('latin1')
    expect(filterStream(byByte(stream(event({ choices: [], usage }, end))))).toBe(expected)
  })

  it('removes the usage at the end of a stream that lacks its last blank line', () => {
    expect(filterStream([Buffer.from(`${word('a')}data: ${JSON.stringify({ choices: [], usage })}`)])).toBe(
      word('a'),
    )
  })

  it('removes the same events as the reference model, for any chunking', () => {
    let removed = 0
    fc.assert(
      fc.property(streams, positions, (bytes, cuts) => {
        const text = filterStream([bytes])
        for (const chunks of [cutAt(bytes, cuts), byByte(bytes)]) expect(filterStream(chunks)).toBe(text)
        const events = eventsOf(bytes)
        const expected = events.filter((event) => !isUsage(event))
        if (expected.length < events.length) removed += 1
        // A second byte order mark is data, even if the event before it is removed.
        const raw = Buffer.from(text, 'latin1')
        const sent = hasBom(bytes) ? raw : Buffer.concat([BOM, raw])
        expect(eventsOf(sent)).toEqual(expected)
        expect(commentsOf(sent)).toEqual(commentsOf(bytes))
        if (expected.length === events.length) expect(linesWithoutEnds(sent)).toEqual(linesWithoutEnds(bytes))
      }),
      { seed: SEED, numRuns: 2000 },
    )
    expect(removed).toBeGreaterThan(200)
  })

  it.each([
    ['without choices', { usage }],
    ['with null for choices', { choices: null, usage }],
    ['with more than usage', { id: 'x', object: 'chat.completion.chunk', usage, timings: { a: 1 } }],
    ['with usage before choices', { usage, choices: [] }],
    ['with escaped names', '{"ch\\u006fices": [], "us\\u0061ge": {"total_tokens": 5}}'],
    ['with choices inside a string', { note: '"choices":[{', usage, choices: [] }],
    ['with nested choices', { more: { choices: [1], usage: null }, usage }],
  ])('removes a usage event %s', (_, data) => {
    const text = word('a') + event(data) + event('[DONE]')
    const shown = word('a') + event('[DONE]')
    expect(filterStream([Buffer.from(text)])).toBe(shown)
    expect(filterStream(byByte(Buffer.from(text)))).toBe(shown)
  })

  it.each([
    ['an error', { error: { message: 'late' }, usage }],
    ['a choice', { choices: [{ delta: {} }], usage }],
    ['a choice after the usage', { usage, choices: [{ delta: {} }] }],
    ['no usage', { choices: [], usage: null }],
    ['usage that is a list', { choices: [], usage: [] }],
    ['no members', {}],
  ])('keeps an event with %s', (_, data) => {
    const text = word('a') + event(data)
    expect(filterStream(byByte(Buffer.from(text)))).toBe(text)
  })

  it('does not delay comments, blank lines, ids or retry times', () => {
    const filter = new UsageFilter()
    const push = (text: string) => filter.push(Buffer.from(text)).toString()
    for (const text of [':\r\n', ': ping\n', ':', '\n', '\n', '\r\n', 'id: 7\n', 'retry', ': 5\r', '\n'])
      expect(push(text)).toBe(text)
    // The following lines are inside an event that may contain the usage.
    expect(push('event: message\ndata: {"choices"')).toBe('')
    expect(push(':[]\n')).toBe('')
    expect(push(': ping\n')).toBe(': ping\n')
    expect(push('data: ,"usage":{}}\n\n')).toBe('')
    expect(push(word('a'))).toBe(word('a'))
  })

  it('delays an event only until it has a choice', () => {
    const filter = new UsageFilter()
    const push = (text: string) => filter.push(Buffer.from(text)).toString()
    const start = 'event: chunk\ndata: {"id":"c-1","choices":['
    expect(push(start)).toBe('')
    expect(push('{"delta')).toBe(`${start}{"delta`)
    for (const text of ['":{"content', '":"a"}}]', '}\n', '\n', 'data: [', 'DONE]\n\n']) {
      const sent = push(text)
      expect([text, `data: [${text}`]).toContain(text.startsWith('data') ? `data: [` : sent)
    }
  })

  it('does not delay a complete event', () => {
    const filter = new UsageFilter()
    for (const text of [word('a'), word('b'), `: ping\n\n`, event('[DONE]')])
      expect(filter.push(Buffer.from(text)).toString()).toBe(text)
  })

  it('does not delay an event that is too long to be usage', () => {
    const filter = new UsageFilter()
    const start = Buffer.from(`data: {"choices":[],"usage":{"x":"${'y'.repeat(70_000)}`)
    expect(filter.push(start).length).toBe(start.length)
    const end = Buffer.from('"}}\n\n')
    expect(filter.push(end).toString()).toBe(end.toString())
    expect(filter.push(Buffer.from(event({ choices: [], usage }))).length).toBe(0)
  })
  it('removes nothing from an event that is too long, even if a part looks like usage', () => {
    const filter = new UsageFilter()
    filter.push(Buffer.from(`data: ${'y'.repeat(70_000)}\n`))
    const part = event({ choices: [], usage })
    expect(filter.push(Buffer.from(part)).toString()).toBe(part)
  })
})
