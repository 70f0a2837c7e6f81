import { count } from '../replay/report/report-numbers.js'
import type { Output } from './check-command.js'

interface ProgressBar {
  /** @param part from 0 to 1; undefined where the end is not known */
  readonly show: (part: number | undefined, requests: number) => void
  readonly clear: () => void
}

/** How often it is drawn, in milliseconds; and not before that, so that what is quick shows none. */
const INTERVAL = 200
const WIDTH = 30

/** A line that says how far something has come. */
export function progressBar(err: Output['err']): ProgressBar {
  let last = performance.now()
  let drawn = false
  return {
    show(part, requests) {
      if (performance.now() - last < INTERVAL) return
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
