/** Replays a trace through three rules and prints the time and the peak memory of the process. */
import { parseConfig, replay } from 'sluice-gateway/replay'

export interface Replayed {
  readonly requests: number
  /** Time from opening the file until the report is complete. */
  readonly seconds: number
  /** Peak resident memory. */
  readonly mebibytes: number
}

const CONFIG = `
upstream: http://127.0.0.1:9000
routes:
  - match: POST /v1/chat/completions
    limits:
      - 10/minute
      - { limit: 100/hour }
      - { limit: 12k/minute, by: everyone }
`

const [file = ''] = process.argv.slice(2)
const config = parseConfig(CONFIG, 'bench.yaml')
const start = performance.now()
const { requests } = await replay(file, config)
const replayed: Replayed = {
  requests: requests.played,
  seconds: (performance.now() - start) / 1000,
  mebibytes: process.resourceUsage().maxRSS / 1024,
}
console.log(JSON.stringify(replayed))
