import fc from 'fast-check'

/** Splits bytes at positions that are given as fractions of the length. */
export function cutAt(bytes: Buffer, positions: readonly number[]): Buffer[] {
  const ends = positions
    .map((position) => Math.floor(position * bytes.length))
    .sort((one, other) => one - other)
  return [0, ...ends].map((start, index) => bytes.subarray(start, ends[index] ?? bytes.length))
}

/** Splits bytes into chunks of one byte. */
export function byByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte))
}

export const positions = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })

const USAGE = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'

/** Event streams of valid and invalid parts. */
export const streams = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\n',
        '\r',
        '\r\n',
        '\n\n',
        '\r\r',
        '\r\n\r\n',
        '\r\n\n',
        '\n\r',
        ':',
        ': comment\n',
        ' ',
      ),
      fc.constantFrom(
        'data',
        'data:',
        'data: ',
        'event: x\n',
        'id: 7\n',
        '\uFEFF',
        'é',
        '漢',
        '😀',
        '{"a":1}',
      ),
      fc.constantFrom(`data: ${USAGE}\n\n`, `data:${USAGE}\r\n\r\n`, `data: ${USAGE}`, 'data: [DONE]\n\n'),
      fc.constantFrom(
        'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1}}\n\n',
        `: soon\nevent: e\ndata: ${USAGE}\n\n`,
        'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}\n\n',
        'data: {"choices":[],"usage":null}\n\n',
        ': ping\r\n',
        'retry: 5\n',
        'data: {"usage":{"total_tokens":5},"choices":[{"index":0}]}\n\n',
        'data: {"usage":{"total_tokens":5}}\n\n',
        'event: usage\r\ndata: {"choices":null,\r\n: ping\r\ndata: "usage":{"total_tokens":5}}\r\n\r\n',
      ),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    ),
    { maxLength: 24 },
  )
  .map((pieces) =>
    Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece))),
  )

/**
 * Reference splitter: the parts of a stream between blank lines, each with its end.
 *
 * The last event may be unfinished. Each byte is a character.
 */
export function modelBlocks(bytes: Buffer): { blocks: string[]; rest: string } {
  const lines = bytes.toString('latin1').match(/[^\r\n]*(\r\n|\r|\n)|[^\r\n]+$/g) ?? []
  const blocks: string[] = []
  let block = ''
  for (const line of lines) {
    block += line
    if (!/^[\r\n]+$/.test(line)) continue
    blocks.push(block)
    block = ''
  }
  return { blocks, rest: block }
}

/** Reference parser: the data of an event according to the specification. */
export function modelData(block: string, isFirst: boolean): string | undefined {
  const text = Buffer.from(block, 'latin1').toString('utf8')
  const lines = (isFirst ? text.replace(/^\uFEFF/, '') : text).split(/\r\n|\r|\n/)
  const data = lines.filter((line) => line === 'data' || line.startsWith('data:'))
  return data.length === 0 ? undefined : data.map((line) => line.slice(5).replace(/^ /, '')).join('\n')
}
