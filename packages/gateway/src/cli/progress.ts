import { count } from '../replay/report/report-numbers.js'
import type { Output } from './check-command.js'

interface ProgressBar {
  /** @param part from 0 to 1; undefined if the total is unknown */
  readonly show: (part: number | undefined, requests: number) => void
  readonly clear: () => void
}

/** Time before the first drawing and between drawings. Quick commands therefore draw no bar. */
const INTERVAL_MS = 200
const WIDTH = 30

/** Creates a progress bar of one line that redraws itself. */
export function progressBar(err: Output['err']): ProgressBar {
  let last = performance.now()
  let drawn = false
  return {
    show(part, requests) {
      if (performance.now() - last < INTERVAL_MS) return
      last = performance.now()
      drawn = true
      const done = part === undefined ? '' : `${bar(part)} ${Math.floor(part * 100)} %  `
      err.write(`\r\u001b[K${done}${count(requests)} requests`)
    },
    clear() {
      if (drawn) err.write('\r\u001b[K')
      drawn = false
    },
  }
}

function bar(part: number): string {
  const full = Math.round(part * WIDTH)
  return `[${'='.repeat(full)}${' '.repeat(WIDTH - full)}]`
}
