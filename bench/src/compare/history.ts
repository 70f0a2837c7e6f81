import { readFile } from 'node:fs/promises'

/** The comparison of one case between two commits. */
export interface Comparison {
  readonly date: string
  readonly base: string
  readonly head: string
  readonly case: string
  /** The time of `head` divided by that of `base`: the geometric mean of all rounds. */
  readonly ratio: number
  /** The bounds of the 95 % confidence interval. */
  readonly low: number
  readonly high: number
}

/** Reads all comparisons, in the order in which they were made. */
export async function readHistory(file: URL): Promise<Comparison[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Comparison)
}

const WIDTH = 900
const ROW = 26
const LEFT = 230
const MIN_RATIO = 0.125
const MAX_RATIO = 2

/** Plots the comparisons as SVG, with the ratio and confidence interval of each in one row. */
export function plotHistory(history: readonly Comparison[]): string {
  const height = ROW * (history.length + 2)
  const x = (ratio: number) => {
    const share = Math.log(Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio)) / MIN_RATIO)
    return LEFT + (share / Math.log(MAX_RATIO / MIN_RATIO)) * (WIDTH - LEFT - 20)
  }
  const ticks = [0.125, 0.25, 0.5, 1, 2].map(
    (ratio) =>
      `<line x1="${x(ratio)}" x2="${x(ratio)}" y1="${ROW}" y2="${height - ROW / 2}" class="${ratio === 1 ? 'one' : 'tick'}"/>` +
      `<text x="${x(ratio)}" y="${ROW - 8}" text-anchor="middle">${ratio} ×</text>`,
  )
  const rows = history.map((each, index) => {
    const y = ROW * (index + 1.6)
    const label = `${each.date.slice(0, 10)} ${each.head.slice(0, 7)} ${each.case}`
    const title = `${label} against ${each.base.slice(0, 7)}: ${each.ratio} (${each.low} to ${each.high})`
    return (
      `<g><title>${title}</title><text x="8" y="${y + 4}">${label}</text>` +
      `<line x1="${x(each.low)}" x2="${x(each.high)}" y1="${y}" y2="${y}" class="interval"/>` +
      `<circle cx="${x(each.ratio)}" cy="${y}" r="4"/></g>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>Time of a decision relative to an earlier commit; lower is better</title>',
    '<style>text{fill:#444}line{stroke:#bbb}.one{stroke:#444}.interval{stroke:#2563eb;stroke-width:2}circle{fill:#2563eb}',
    '@media (prefers-color-scheme:dark){text{fill:#ccc}line{stroke:#555}.one{stroke:#ccc}.interval{stroke:#60a5fa}circle{fill:#60a5fa}}</style>',
    ...ticks,
    ...rows,
    '</svg>',
    '',
  ].join('\n')
}
