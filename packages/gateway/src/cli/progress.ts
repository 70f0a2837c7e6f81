import { formatQuantity } from '../replay/report/report-numbers.js'
import type { Output } from './check-command.js'

interface ProgressBar {
  /** @param part fraction done, from 0 to 1; undefined if the total is unknown */
  readonly show: (part: number | undefined, requests: number) => void
  readonly clear: () => void
}

/** Delay before the bar is first drawn, and between redraws. Short commands show no bar. */
const INTERVAL_MS = 200
const WIDTH = 30

/** Creates a one-line progress bar that is redrawn in place. */
export function progressBar(err: Output['err']): ProgressBar {
  let last = performance.now()
  let drawn = false
  return {
    show(part, requests) {
      if (performance.now() - last < INTERVAL_MS) return
      last = performance.now()
      drawn = true
      const done = part === undefined ? '' : `${bar(part)} ${Math.floor(part * 100)} %  `
      err.write(`\r\u001b[K${done}${formatQuantity(requests, 'request')}`)
    },
    clear() {
      if (drawn) err.write('\r\u001b[K')
      drawn = false
    },
  }
}

function bar(part: number): string {
  const filled = Math.round(part * WIDTH)
  return `[${'='.repeat(filled)}${' '.repeat(WIDTH - filled)}]`
}
