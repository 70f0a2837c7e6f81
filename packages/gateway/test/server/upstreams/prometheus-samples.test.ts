import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PrometheusSample, prometheusSamples } from '../../../src/server/upstreams/prometheus-samples.js'

const NAMES = new Set(['a', 'b:c', '_d9'])

const read = (text: string) => [...prometheusSamples(text, NAMES)].map(plain)
const plain = ({ name, labels, value }: PrometheusSample) => ({
  name,
  labels: Object.fromEntries(labels),
  value,
})

describe('the samples of a page of Prometheus metrics', () => {
  it.each<[string, Record<string, string>, number]>([
    ['a 5', {}, 5],
    ['\t a \t 5 \t', {}, 5],
    ['a{} 5', {}, 5],
    ['a{x="1"} 5', { x: '1' }, 5],
    ['a { x = "1" , y="2", } 5', { x: '1', y: '2' }, 5],
    ['a{x="1"}5', { x: '1' }, 5],
    ['a{x="},{\\"y=#"} 5', { x: '},{"y=#' }, 5],
    ['a{x="\\\\\\n\\q"} 5', { x: '\\\n\\q' }, 5],
    ['a{x="C:\\\\"} 5', { x: 'C:\\' }, 5],
    ['a{x="ä 😀"} 5', { x: 'ä 😀' }, 5],
    ['a{x=""} 5', { x: '' }, 5],
    ['a 5 1395066363000', {}, 5],
    ['a 5 -3982045', {}, 5],
    ['a 5 1.5e9', {}, 5],
    ['a 5 # {trace_id="}"} 0.67', {}, 5],
    ['a 5 1.5 # {trace_id="x"} 0.67 1.6', {}, 5],
    ['a +1.5e+2', {}, 150],
    ['a -.5E1', {}, -5],
    ['a 8.', {}, 8],
    ['a 5\r', {}, 5],
  ])('read %j', (line, labels, value) => {
    expect(read(line)).toEqual([{ name: 'a', labels, value }])
    expect(read(`b:c 1\n${line}\n_d9 2\n`).map(({ name }) => name)).toEqual(['b:c', 'a', '_d9'])
  })

  it.each([
    '',
    'a',
    'a ',
    'a{} ',
    '# a 5',
    '#a 5',
    '# EOF',
    'a NaN',
    'a nan',
    'a +Inf',
    'a -Inf',
    'a Infinity',
    'a 1e999',
    'a 0x10',
    'a 1_000',
    'a 1,5',
    'a 5e',
    'a 5x',
    'a 5 6 7',
    'a 5 later',
    'a 5 NaN',
    'a+5',
    'a.b 5',
    'xa 5',
    'a2 5',
    'A 5',
    'a} 5',
    'a{ 5',
    'a{x} 5',
    'a{x=1} 5',
    "a{x='1'} 5",
    'a{="1"} 5',
    'a{,} 5',
    'a{x="1",,} 5',
    'a{x="1" y="2"} 5',
    'a{x="1",x="2"} 5',
    'a{9x="1"} 5',
    'a{b:c="1"} 5',
    'a{x="1} 5',
    'a{x="1\\"} 5',
    'a{x="1\\',
    'a{x="1"',
    'a{x="1"}{y="2"} 5',
    '{"a",x="1"} 5',
    '<html>a 5</html>',
  ])('skip %j, and read the lines around it', (line) => {
    expect(read(line)).toEqual([])
    expect(read(`b:c 1\n${line}\n_d9 2`).map(({ name }) => name)).toEqual(['b:c', '_d9'])
  })

  it('are those that were written, however the page is formatted', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), (lines, newline) => {
        const text = lines.map((each) => each.text).join(newline)
        const expected = lines.flatMap((each) => (each.sample === undefined ? [] : [each.sample]))
        expect(read(text)).toEqual(expected)
      }),
      { seed: 19, numRuns: 1000 },
    )
  })

  it('are those of a parser that matches each line with one expression, on damaged pages', () => {
    const page = fc.array(line, { minLength: 1, maxLength: 6 })
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...'a {}",=\\\n\r#5e-+.NI\t\0')))
    fc.assert(
      fc.property(page, damage, (lines, changes) => {
        let text = lines.map((each) => each.text).join('\n')
        for (const [at, removed, inserted] of changes) {
          const from = at % (text.length + 1)
          text = text.slice(0, from) + inserted + text.slice(from + removed)
        }
        expect(read(text)).toEqual(slowlyRead(text))
      }),
      { seed: 19, numRuns: 3000 },
    )
  })

  it.each([
    ['an unclosed label', (size: number) => `a{x="${'y'.repeat(size)}`],
    ['escapes', (size: number) => `a{x="${'\\"'.repeat(size / 2)}`],
    ['blanks', (size: number) => `a${' '.repeat(size)}x`],
    [
      'many labels',
      (size: number) => `a{${Array.from({ length: size / 8 }, (_, i) => `l${i}="",`).join('')}`,
    ],
    ['a long number', (size: number) => `a ${'1'.repeat(size)}x`],
    ['a long name', (size: number) => 'a'.repeat(size)],
    ['empty lines', (size: number) => '\n'.repeat(size)],
    ['unclosed lines', (size: number) => 'a{x="\n'.repeat(size / 6)],
    ['samples', (size: number) => 'a{x="1"} 5\n'.repeat(size / 11)],
    ['an exemplar', (size: number) => `a 5 # ${'{'.repeat(size)}`],
  ])('take at most ten steps per character of %s', (_, pageOf) => {
    const text = pageOf(20_000)
    expect(stepsIn(() => read(text))).toBeLessThan(10 * text.length)
  })
})

interface Line {
  readonly text: string
  readonly sample?: ReturnType<typeof plain>
}

const blanks = fc.constantFrom('', ' ', '\t ')
const number = fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))
const labelPair = fc.record({
  name: fc.stringMatching(/^[a-zA-Z_]\w{0,4}$/),
  value: fc.string({
    unit: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 1 }), fc.constantFrom(...'"\\\n,{}=# ')),
  }),
  blank: blanks,
})

const sampleLine: fc.Arbitrary<Line> = fc
  .record({
    name: fc.constantFrom(...NAMES),
    labels: fc.uniqueArray(labelPair, { selector: ({ name }) => name, maxLength: 4 }),
    value: number,
    lead: blanks,
    end: fc.constantFrom('', ' ', ' 1395066363000', '\t-1.5', ' # {x="1"} 2', ' 17.25 # {} 2 3'),
    hasComma: fc.boolean(),
  })
  .map(({ name, labels, value, lead, end, hasComma }) => {
    const pairs = labels.map(({ name: label, value: text, blank }) => {
      const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
      return `${blank}${label}${blank}=${blank}"${escaped}"${blank}`
    })
    const braces = pairs.length === 0 ? '' : `${lead}{${pairs.join(',')}${hasComma ? ',' : ''}}`
    const values = Object.fromEntries(labels.map((label) => [label.name, label.value]))
    return {
      text: `${lead}${name}${braces} ${value}${end}`,
      sample: { name, labels: values, value: value || 0 },
    }
  })

const line: fc.Arbitrary<Line> = fc.oneof(
  { weight: 3, arbitrary: sampleLine },
  fc.constantFrom(
    { text: '' },
    { text: '# HELP a Requests, e.g. "a 5".' },
    { text: '# TYPE a gauge' },
    { text: 'other{a="b:c 5"} 3' },
    { text: 'a{x="1} 5' },
    { text: 'a NaN' },
  ),
)

const BLANK = '[ \\t]*'
const LABEL = `${BLANK}([a-zA-Z_]\\w*)${BLANK}=${BLANK}"((?:[^"\\\\]|\\\\.)*)"${BLANK}`
const NUMBER = '[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?'
const SAMPLE = new RegExp(
  `^${BLANK}([a-zA-Z_:][\\w:]*)(?:${BLANK}\\{((?:${LABEL},)*(?:${LABEL}|${BLANK}))\\}${BLANK}|[ \\t]+)(${NUMBER})(?:[ \\t]+${NUMBER})?(?:${BLANK}|[ \\t]+#.*)$`,
  's',
)

/** Reads a page with regular expressions, which may take exponential time. */
function slowlyRead(text: string): ReturnType<typeof plain>[] {
  return text.split('\n').flatMap((each) => {
    const match = SAMPLE.exec(each.replace(/\r$/, ''))
    const name = match?.[1]
    const value = Number(match?.[7])
    if (name === undefined || !NAMES.has(name) || !Number.isFinite(value)) return []
    const pairs = [...(match?.[2] ?? '').matchAll(new RegExp(LABEL, 'gs'))].map(
      ([, label = '', quoted = '']) =>
        [label, quoted.replace(/\\([n"\\])/g, (_, each) => (each === 'n' ? '\n' : each))] as const,
    )
    const labels = Object.fromEntries(pairs)
    return Object.keys(labels).length === pairs.length ? [{ name, labels, value }] : []
  })
}

/** Counts the characters that string operations look at during a call. */
function stepsIn(call: () => void): number {
  const { charCodeAt, indexOf, slice, charAt, includes } = String.prototype
  let steps = 0
  Object.assign(String.prototype, {
    charCodeAt(this: string, at: number) {
      steps++
      return charCodeAt.call(this, at)
    },
    charAt(this: string, at: number) {
      steps++
      return charAt.call(this, at)
    },
    indexOf(this: string, searched: string, from = 0) {
      const found = indexOf.call(this, searched, from)
      steps += 1 + (found === -1 ? this.length : found) - from
      return found
    },
    slice(this: string, from: number, to: number) {
      const part = slice.call(this, from, to)
      steps += 1 + part.length
      return part
    },
    includes(this: string, searched: string) {
      steps += this.length
      return includes.call(this, searched)
    },
  })
  try {
    call()
  } finally {
    Object.assign(String.prototype, { charCodeAt, indexOf, slice, charAt, includes })
  }
  return steps
}
