import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { multipartBoundary, parseMultipart } from '../../../src/policy/body/multipart.js'

const SEED = 20261202
const B = 'boundary'
const part = (name: string, value: string, more = '') =>
  `--${B}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
const END = `--${B}--\r\n`
const parse = (text: string) => parseMultipart(Buffer.from(text, 'latin1'), B)

describe('a multipart body', () => {
  it('has fields and files', () => {
    const form = parse(
      part('model', 'whisper-1') +
        part('file', '\x00\r\n--bound\xff', '; filename="a.wav"\r\nContent-Type: audio/wav') +
        part('image[]', 'one', '; filename="1"') +
        part('image[]', 'two', `; filename="2"; filename*=utf-8''%e2%82%ac`) +
        part('empty', '') +
        END,
    )
    expect(form.text('model')).toBe('whisper-1')
    expect(form.text('empty')).toBe('')
    expect(form.text('other')).toBeUndefined()
    expect(form.files('file').map(String)).toEqual([Buffer.from('\x00\r\n--bound\xff', 'latin1').toString()])
    expect(form.files('image').map(String)).toEqual(['one', 'two'])
    expect(() => form.text('file')).toThrow("'file' must be a single text")
    expect(() => form.text('image')).toThrow("'image' must be a single text")
  })

  it('is read as the FormData of clients writes it', async () => {
    const data = new FormData()
    data.append('model', 'größe')
    data.append('file', new Blob(['\r\n--x\r\n']), 'ä"b.wav')
    const response = new Response(data)
    const boundary = multipartBoundary({
      contentTypes: [response.headers.get('content-type') ?? ''],
      contentEncodings: [],
    })
    const form = parseMultipart(Buffer.from(await response.arrayBuffer()), boundary as string)
    expect(form.text('model')).toBe('größe')
    expect(form.files('file').map(String)).toEqual(['\r\n--x\r\n'])
  })

  it.each<[string, string]>([
    ['bytes before its first boundary', `x${part('a', '1')}${END}`],
    ['a line break before its first boundary', `\r\n${part('a', '1')}${END}`],
    ['bytes after its last boundary', `${part('a', '1')}${END}x`],
    ['bytes after a boundary', `${part('a', '1')}--${B} \r\n${part('b', '2').slice(B.length + 4)}${END}`],
    ['a boundary instead of the content of a part', `${part('a', '').slice(0, -2)}--${B}--`],
    ['a boundary inside a line', part('a', `1--${B}`) + END],
    ['a longer boundary', `${part('a', '1')}--${B}x\r\n`],
    ['no end', part('a', '1')],
    ['a part without an end', part('a', '1').slice(0, -2)],
    ['line feeds alone', (part('a', '1') + END).replaceAll('\r\n', '\n')],
    ['a part without headers', `--${B}\r\n\r\n1\r\n${END}`],
    ['a part without a name', `--${B}\r\nContent-Disposition: form-data\r\n\r\n1\r\n${END}`],
    ['two names', part('a', '1', '; name="b"') + END],
    ['an escaped name', part('a\\', '1') + END],
    ['an encoded name', part('a%5B', '1') + END],
    ['a name in brackets', part('a[b]', '1') + END],
    ['a folded header', part('a', '1', '\r\n x') + END],
    ['an encoding', part('a', '1', '\r\nContent-Transfer-Encoding: base64') + END],
    ['two dispositions', part('a', '1', '\r\ncontent-disposition: form-data; name="b"') + END],
    ['endless headers', part('a', '1', `\r\nContent-Type: ${'x'.repeat(5000)}`) + END],
    ['too many parts', Array.from({ length: 101 }, (_, at) => part(`a${at}`, '1')).join('') + END],
    ['a field twice', part('n', '1') + part('n', '9') + END],
    ['a field twice, in another letter case', part('n', '1') + part('N', '9') + END],
    ['a field twice, as a list', part('n', '1') + part('n[]', '9') + END],
  ])('is rejected with %s', (_, text) => {
    expect(() => parse(text)).toThrow(/multipart body|the field/)
  })

  it('is rejected when a field is read that is in another letter case or not in UTF-8', () => {
    expect(() => parse(part('Model', 'm') + END).text('model')).toThrow("'Model' must be written 'model'")
    expect(() => parse(part('FILE', 'm') + END).files('file')).toThrow("'FILE' must be written 'file'")
    expect(() => parse(part('model', '\xff') + END).text('model')).toThrow('not valid UTF-8')
  })

  it('that is accepted has the same fields for another parser', async () => {
    const pieces = fc.constantFrom(
      ...['\r\n', '\n', '--', `--${B}`, `--${B}--`, ' ', 'x', ':', '"', ';', '\r\n\r\n'],
      ...[part('a', '1'), part('b', 'x', '; filename="f"'), part('a', '2'), END],
      'Content-Disposition: form-data; name="c"',
    )
    const bodies = fc.oneof(
      fc.array(pieces, { maxLength: 8 }).map((some) => some.join('')),
      fc.tuple(fc.nat(200), pieces).map(([at, piece]) => {
        const text = part('a', '1') + part('b', 'x', '; filename="f"') + END
        return text.slice(0, at) + piece + text.slice(at)
      }),
    )
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(bodies, async (text) => {
        let form: ReturnType<typeof parse>
        try {
          form = parse(text)
        } catch {
          return
        }
        const headers = { 'content-type': `multipart/form-data; boundary=${B}` }
        // A parser that rejects more bodies lets nothing through that was not counted.
        const other = await new Response(text, { headers }).formData().catch(() => undefined)
        if (other === undefined) return
        accepted += 1
        for (const [name, value] of other)
          if (typeof value === 'string') expect(form.text(name)).toBe(value)
          else expect(form.files(name).map(String)).toEqual([await value.text()])
      }),
      { seed: SEED, numRuns: 3000 },
    )
    expect(accepted).toBeGreaterThan(50)
  })
})

describe('the boundary of a multipart body', () => {
  const boundaryOf = (...contentTypes: string[]) => multipartBoundary({ contentTypes, contentEncodings: [] })

  it('is a token or a quoted string', () => {
    expect(boundaryOf('multipart/form-data; boundary=abc')).toBe('abc')
    expect(boundaryOf('Multipart/Form-Data;boundary="a b"')).toBe('a b')
    expect(boundaryOf('application/json')).toBeUndefined()
    expect(boundaryOf()).toBeUndefined()
  })

  it.each([
    ['multipart/form-data'],
    ['multipart/form-data; boundary=a; boundary=b'],
    ['multipart/form-data; charset=utf-16; boundary=a'],
    ['multipart/mixed; boundary=a'],
    [`multipart/form-data; boundary=${'a'.repeat(71)}`],
    ['multipart/form-data; boundary=a', 'multipart/form-data; boundary=b'],
  ])('is rejected if servers may not agree on it: %s', (...contentTypes) => {
    expect(() => boundaryOf(...contentTypes)).toThrow('must be multipart/form-data with a boundary')
  })

  it('is rejected with a coding', () => {
    const contentTypes = ['multipart/form-data; boundary=a']
    expect(() => multipartBoundary({ contentTypes, contentEncodings: ['gzip'] })).toThrow('Content-Encoding')
  })
})
