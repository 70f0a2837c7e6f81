import { createRequire } from 'node:module'
import fc from 'fast-check'

/** One chunk of a model's output: tokens of a real vocabulary, and their text. */
export interface Chunk {
  readonly text: string
  readonly tokens: number
}

interface Encoding {
  encode(text: string): number[]
  decode(tokens: readonly number[]): string
}

const { encode, decode } = createRequire(import.meta.url)('gpt-tokenizer/cjs/encoding/o200k_base') as Encoding

const TEXTS = [
  'A limit that nobody understands is a limit that everybody works around; so say what was refused, and when to come back. ',
  'function admit(request) {\n  const { cost, key } = weigh(request)\n  return store.take([{ key, limit, cost }])\n}\n',
  '网关在把请求发送给模型之前，先预留该请求可能消耗的令牌，并在回答结束后按实际用量结算。',
  'Шлюз резервирует токены до того, как запрос будет отправлен модели, и возвращает лишнее. ',
  'ゲートウェイは、要求が消費しうるトークンを前もって確保します。😀🚀 ',
]

const PIECES = TEXTS.map((text) => piecesOf(encode(text.repeat(2))))

/** Splits tokens into chunks of whole characters. */
function piecesOf(tokens: readonly number[]): Chunk[] {
  const pieces: Chunk[] = []
  let pending: number[] = []
  for (const token of tokens) {
    pending.push(token)
    const text = decode(pending)
    if (text.includes('\uFFFD')) continue
    pieces.push({ text, tokens: pending.length })
    pending = []
  }
  return pieces
}

/** The beginning of a text in one of several languages, in chunks of a few tokens. */
export const tokenChunks: fc.Arbitrary<readonly Chunk[]> = fc
  .record({
    pieces: fc.constantFrom(...PIECES),
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 30 }),
  })
  .map(({ pieces, sizes }) => {
    const chunks: Chunk[] = []
    let at = 0
    for (const size of sizes) {
      const together = pieces.slice(at, at + size)
      at += size
      if (together.length === 0) break
      chunks.push({
        text: together.map(({ text }) => text).join(''),
        tokens: together.reduce((sum, { tokens }) => sum + tokens, 0),
      })
    }
    return chunks
  })
