/** A request of the flood, or of another tenant. */
export interface Arrival {
  /** When it was sent, in milliseconds since the start. */
  readonly at: number
  readonly isFlood: boolean
  /** Undefined if it was refused. */
  readonly firstTokenMs: number | undefined
}

interface Panel {
  readonly title: string
  readonly arrivals: readonly Arrival[]
}

const WIDTH = 480
const PANEL_HEIGHT = 230
const PLOT = { left: 64, right: 22, top: 34, bottom: 40 }
/** The axis of times is logarithmic. */
const TICKS_MS = [10, 100, 1_000, 10_000]
const MIN_MS = 10
const MAX_MS = 30_000

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .flood { fill: #8c959f; fill-opacity: 0.45 }
  .other { fill: #0969da }
  .refused { stroke: #cf222e; stroke-width: 1.5 }
  .back { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .grid { stroke: #3d444d }
    .flood { fill: #848d97 }
    .other { fill: #58a6ff }
    .refused { stroke: #ff7b72 }
    .back { fill: #0d1117 }
  }`

/** Draws the time to the first token of each request, one panel above the other, as SVG. */
export function drawFlood(panels: readonly Panel[], durationMs: number): string {
  const height = panels.length * PANEL_HEIGHT + 30
  const label = 'Time to the first token of each request, first come, first served, and with fair shares'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">
<style>${STYLE}
</style>
<rect class="back" width="${WIDTH}" height="${height}"/>
${panels.map((panel, index) => drawPanel(panel, index * PANEL_HEIGHT, durationMs)).join('\n')}
${legend(height - 14)}
</svg>
`
}

function drawPanel({ title, arrivals }: Panel, top: number, durationMs: number): string {
  const [from, to] = [top + PLOT.top, top + PANEL_HEIGHT - PLOT.bottom]
  const x = (at: number) => round(PLOT.left + (at / durationMs) * (WIDTH - PLOT.left - PLOT.right))
  const y = (ms: number) => {
    const part = Math.log(Math.min(MAX_MS, Math.max(MIN_MS, ms)) / MIN_MS) / Math.log(MAX_MS / MIN_MS)
    return round(to - part * (to - from))
  }
  const ticks = TICKS_MS.map((ms) => {
    const name = ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`
    return `<path class="grid" d="M${PLOT.left} ${y(ms)}H${WIDTH - PLOT.right}"/><text x="${PLOT.left - 6}" y="${y(ms) + 4}" text-anchor="end">${name}</text>`
  })
  const seconds = Array.from({ length: 5 }, (_, index) => (index * durationMs) / 4)
  const times = seconds.map(
    (at) => `<text x="${x(at)}" y="${to + 18}" text-anchor="middle">${Math.round(at / 1_000)} s</text>`,
  )
  const dots = [true, false].flatMap((isFlood) =>
    arrivals
      .filter((arrival) => arrival.isFlood === isFlood)
      .map(({ at, firstTokenMs }) => {
        if (firstTokenMs !== undefined)
          return `<circle class="${isFlood ? 'flood' : 'other'}" cx="${x(at)}" cy="${y(firstTokenMs)}" r="${isFlood ? 1.5 : 2.2}"/>`
        return isFlood ? '' : `<path class="refused" d="M${x(at) - 2} ${from - 2}l4 4m0 -4l-4 4"/>`
      }),
  )
  const head = `<text class="title" x="${PLOT.left}" y="${top + 18}">${title}</text>`
  return [head, ...ticks, ...times, ...dots.filter((dot) => dot !== '')].join('\n')
}

function legend(y: number): string {
  return `<circle class="flood" cx="60" cy="${y - 4}" r="3"/><text x="70" y="${y}">the flood</text>
<circle class="other" cx="160" cy="${y - 4}" r="3"/><text x="170" y="${y}">nine others</text>
<path class="refused" d="M274 ${y - 7}l6 6m0 -6l-6 6"/><text x="288" y="${y}">others refused</text>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
