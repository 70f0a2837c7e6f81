import { createReadStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { parentPort, workerData } from 'node:worker_threads'
import type { RecordConfig } from '../../config/config.js'
import { parseConfig } from '../../config/load.js'
import { compare, replay } from '../../replay/replay.js'
import { TraceError } from '../../replay/trace/trace-request.js'

/** What a thread is started with. */
export interface ThreadTask {
  readonly record: RecordConfig
  readonly running: { readonly file: string; readonly text: string }
  /** The text of another configuration. */
  readonly posted: string | undefined
}

export type ThreadAnswer = { readonly report: object } | { readonly failure: string }

parentPort?.postMessage(await answerTo(workerData as ThreadTask))

async function answerTo({ record, running, posted }: ThreadTask): Promise<ThreadAnswer> {
  try {
    const config = parseConfig(running.text, running.file)
    const trace = Readable.from(recorded(record))
    const report =
      posted === undefined
        ? await replay(trace, config)
        : await compare(trace, config, parseConfig(posted, 'posted'))
    return { report }
  } catch (error) {
    if (error instanceof TraceError) return { failure: error.message }
    throw error
  }
}

/** The files one after the other, the oldest first: what was compressed in several pieces is one text. */
async function* recorded({ file, files }: RecordConfig): AsyncGenerator<Buffer> {
  const numbered = Array.from({ length: files }, (_, number) => (number === 0 ? file : `${file}.${number}`))
  for (const each of numbered.reverse()) if (existsSync(each)) yield* createReadStream(each)
}
