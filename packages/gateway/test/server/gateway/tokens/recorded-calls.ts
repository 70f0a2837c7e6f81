import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The recorded calls of a chat service (Azure public dataset, 2023), where this machine has them. */
const TRACE = fileURLToPath(
  new URL('../../../../../../../shared/traces/AzureLLMInferenceTrace_conv.csv', import.meta.url),
)

export const traceIsHere = existsSync(TRACE)

/** A call as it was recorded. */
export interface RecordedCall {
  readonly id: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly client: string
  readonly input: number
  readonly output: number
}

/** The trace names no clients: its calls are dealt to as many, one after the other. */
export function recordedCalls(clients: number): RecordedCall[] {
  const [, ...lines] = readFileSync(TRACE, 'utf8').trimEnd().split(/\r?\n/)
  return lines.map((line, id) => {
    const [time = '', input, output] = line.split(',')
    const at = Date.parse(`${time.slice(0, 23).replace(' ', 'T')}Z`)
    return { id, at, client: `client-${id % clients}`, input: Number(input), output: Number(output) }
  })
}
