import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

const CLIENTS = 100_000
/** Requests of a second of the trace. */
const A_SECOND = 280

/** Writes a trace of so many requests; the same each time. */
export async function writeTrace(file: string, requests: number): Promise<void> {
  const out = createWriteStream(file)
  out.write('time,client,input_tokens,output_tokens\n')
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let index = 0; index < requests; index++) {
    const time = 1_700_000_000 + index / A_SECOND
    // Every tenth request is of one client in a hundred: some are refused.
    const client = random(10) === 0 ? random(CLIENTS / 100) : random(CLIENTS)
    const line = `${time.toFixed(4)},client-${client},${random(2000)},${random(500)}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}
