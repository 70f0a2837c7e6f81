import type { ReportPage } from '../../../src/replay/html/fill-template.js'
import type { ReplayLine, ReplayProgress } from '../../../src/server/admin/api/replay-types.js'
import { toSentence } from './admin-api.js'

/**
 * Reads the progress of a replay until it ends.
 *
 * @returns the report
 * @throws Error with a message for the user
 */
export async function followReplay(
  { body }: Response,
  onProgress: (progress: ReplayProgress) => void,
): Promise<ReportPage> {
  if (body !== null)
    for await (const text of linesOf(body)) {
      const line = JSON.parse(text) as ReplayLine
      if ('page' in line) return line.page
      if ('error' in line) throw new Error(toSentence(line.error))
      onProgress(line.progress)
    }
  throw connectionLost()
}

async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { value } = await reader.read().catch(() => {
      throw connectionLost()
    })
    if (value === undefined) return
    const [first = '', ...more] = value.split('\n')
    rest += first
    for (const next of more) {
      yield rest
      rest = next
    }
  }
}

function connectionLost(): Error {
  return new Error('The replay stopped: the connection to the gateway was lost.')
}
