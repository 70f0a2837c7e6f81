import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

const CLIENTS = 100_000
/** Rate of the requests in the trace. */
const REQUESTS_PER_SECOND = 280

/** Writes a trace with the given number of requests. The same number gives the same trace. */
export async function writeTrace(file: string, requests: number): Promise<void> {
  const out = createWriteStream(file)
  out.write('time,client,input_tokens,output_tokens\n')
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let index = 0; index < requests; index++) {
    const time = 1_700_000_000 + index / REQUESTS_PER_SECOND
    // A tenth of the requests come from 1 % of the clients, so that some are refused.
    const client = random(10) === 0 ? random(CLIENTS / 100) : random(CLIENTS)
    const line = `${time.toFixed(4)},client-${client},${random(2000)},${random(500)}\n`
    if (!out.write(line)) await once(out, 'drain')
  }
  out.end()
  await once(out, 'finish')
}
