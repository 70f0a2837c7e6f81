import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Path of the recorded calls of a chat service (Azure public dataset, 2023), if available. */
const TRACE = fileURLToPath(
  new URL('../../../../../../../shared/traces/AzureLLMInferenceTrace_conv.csv', import.meta.url),
)

export const hasTrace = existsSync(TRACE)

/** A recorded call. */
export interface RecordedCall {
  readonly id: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly client: string
  readonly input: number
  readonly output: number
}

/** Reads the calls. The trace does not name clients, so calls are assigned to them round-robin. */
export function recordedCalls(clients: number): RecordedCall[] {
  const [, ...lines] = readFileSync(TRACE, 'utf8').trimEnd().split(/\r?\n/)
  return lines.map((line, id) => {
    const [time = '', input, output] = line.split(',')
    const at = Date.parse(`${time.slice(0, 23).replace(' ', 'T')}Z`)
    return { id, at, client: `client-${id % clients}`, input: Number(input), output: Number(output) }
  })
}
