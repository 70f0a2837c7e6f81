import type { BenchResult, CaseResult, Standing, TargetResult } from './result.js'

/** Formats a result as Markdown: a table per case, followed by its targets. */
export function report(result: BenchResult): string {
  const { machine, date } = result
  const where = `${machine.cores} cores of ${machine.cpu}, ${machine.memory} GiB, Node ${machine.node}, ${machine.platform}`
  return [
    `${where}; ${date.slice(0, 10)}, load ${machine.load} at the start.`,
    ...result.cases.map(caseReport),
  ].join('\n\n')
}

function caseReport(benchCase: CaseResult): string {
  const head = `#### ${benchCase.name}`
  const better = benchCase.better === 'less' ? 'lower' : 'higher'
  const rounds = `${benchCase.rounds} ${benchCase.rounds === 1 ? 'round' : 'rounds'}`
  const about = `${benchCase.unit}, ${better} is better; ${rounds}`
  const rows = benchCase.standings.map((standing) => `| ${cells(standing).join(' | ')} |`)
  const table = [
    `| ${about} | median | quartiles | × the best peer | × the floor |`,
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n')
  return [head, table, ...benchCase.targets.map((target) => targetReport(target, benchCase))].join('\n\n')
}

function cells(standing: Standing): string[] {
  const { name, role } = standing
  const label = role === 'ours' ? `**${name}**` : `${name}${role === 'floor' ? ' (floor)' : ''}`
  if ('cannotRun' in standing) return [label, `cannot run: ${standing.cannotRun.split('\n')[0]}`, '', '', '']
  const { median, quartiles, toBestPeer, toFloor } = standing
  return [label, figure(median), quartiles.map(figure).join('–'), ratio(toBestPeer), ratio(toFloor)]
}

function targetReport(
  { contender, against, atMost, atLeast, value, met }: TargetResult,
  benchCase: CaseResult,
) {
  const bound = atMost === undefined ? `≥ ${figure(atLeast ?? 0)}` : `≤ ${figure(atMost)}`
  const what = against === undefined ? benchCase.unit : `× ${against}`
  const target = `Target: ${contender} ${bound} ${what}`
  if (value === undefined) return `${target}. Not measured.`
  return `${target}. ${met ? 'Met' : 'Missed'}: ${figure(value)}.`
}

function ratio(value: number | undefined): string {
  return value === undefined ? '' : figure(value)
}

/** Rounds to three significant digits, or to an integer from 100. */
function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}
