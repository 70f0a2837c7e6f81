import { printable } from '../trace/trace-request.js'
import type { Comparison } from './comparison.js'
import { consoleTable } from './console-table.js'
import type { LockoutReport, ReplayReport, RuleReport } from './report.js'
import { count, counted, length, moment, partOf, percent } from './report-numbers.js'

/** What a report says, for a terminal. */

/** Clients that a summary names. */
const NAMED = 5

export function summary(report: ReplayReport): string {
  return [...traceLines(report), ...policyLines(report), ...clientLines(report), ...noteLines(report)].join(
    '\n',
  )
}

export function comparisonSummary(comparison: Comparison, names: readonly [string, string]): string {
  const { one, other, requests, clients, differing } = comparison
  const [nameOfOne, nameOfOther] = names
  const width = Math.max(nameOfOne.length, nameOfOther.length)
  const clientTable = consoleTable(
    ['client', 'requests', `refused by ${nameOfOne}`, `by ${nameOfOther}`],
    clients
      .slice(0, 2 * NAMED)
      .map((each) => [
        shownName(each.client),
        count(each.requests),
        count(each.refusedByOne),
        count(each.refusedByOther),
      ]),
    1,
  )
  return [
    ...traceLines(one),
    '',
    `  ${nameOfOne.padEnd(width)}  refuses ${refusedText(one)}`,
    `  ${nameOfOther.padEnd(width)}  refuses ${refusedText(other)}`,
    `  let in by both ${count(requests.both)}, by neither ${count(requests.neither)}, only by ${nameOfOne} ${count(requests.onlyOne)}, only by ${nameOfOther} ${count(requests.onlyOther)}`,
    '',
    nameOfOne,
    ...ruleLines(one),
    '',
    nameOfOther,
    ...ruleLines(other),
    ...(differing === 0
      ? []
      : [
          '',
          `${counted(differing, 'client')} refused more often by the one than by the other:`,
          ...clientTable,
        ]),
    ...noteLines(one),
  ].join('\n')
}

function traceLines({ trace, requests, tokens }: ReplayReport): string[] {
  const { bad, late, latest, truncated } = trace
  return [
    `${counted(requests.played, 'request')} from ${moment(trace.from)} to ${moment(trace.to)} (${length(trace.to - trace.from)})${
      tokens.offered > 0 ? `, ${count(tokens.offered)} tokens` : ''
    }`,
    ...(requests.passedOver > 0 ? [`  ${count(requests.passedOver)} more take other routes`] : []),
    ...(bad.count > 0 ? [`  ${counted(bad.count, 'line')} could not be read:`] : []),
    ...bad.first.map(({ line, problem }) => `    line ${line}: ${problem}`),
    ...(bad.count > bad.first.length ? [`    and ${count(bad.count - bad.first.length)} more`] : []),
    ...(late > 0
      ? [
          `  ${counted(late, 'request')} out of order by up to ${length(latest)}, and played late (--reorder ${Math.ceil(latest / 1000)}s puts them right)`,
        ]
      : []),
    ...(truncated ? ['  the compressed file ends before its end: what could be read was played'] : []),
  ]
}

function policyLines(report: ReplayReport): string[] {
  const { requests, tokens, waits, reasons } = report
  const others = (
    [
      ['forbidden', 'may not be made (require)'],
      ['invalid', 'cannot be weighed'],
      ['unrouted', 'take no route'],
    ] as const
  ).filter(([kind]) => requests[kind] > 0)
  return [
    '',
    `  allowed ${count(requests.allowed)} (${percent(partOf(requests.allowed, requests.played))}), refused ${refusedText(report)}`,
    ...(requests.unlimited > 0 ? [`  ${count(requests.unlimited)} of the allowed meet no limit`] : []),
    ...others.map(([kind, meaning]) => `  ${count(requests[kind])} ${meaning}`),
    ...reasons.slice(0, NAMED).map(({ why, count: times }) => `    ${count(times)} × ${why}`),
    ...(tokens.offered > 0
      ? [`  tokens: ${count(tokens.admitted)} of ${count(tokens.offered)} admitted`]
      : []),
    ...(waits === null
      ? []
      : [
          `  ${count(waits.count)} waited for a slot: p50 ${length(waits.p50)}, p95 ${length(waits.p95)}, at most ${length(waits.max)}`,
        ]),
    ...lockoutLines(report.longestLockout),
    '',
    ...ruleLines(report),
    ...tierLines(report),
  ]
}

function refusedText({ requests }: ReplayReport): string {
  const { refused, falselyRefused, played } = requests
  const part = percent(partOf(refused, played))
  return `${count(refused)} (${part}), ${count(falselyRefused)} of them falsely`
}

function lockoutLines(lockout: LockoutReport | null): string[] {
  if (lockout === null) return []
  const { client, rule, from, length: long, refused } = lockout
  return [
    `  longest lock-out: ${shownName(client)} got nothing for ${length(long)} from ${moment(from)} (${count(refused)} refused, first by ${rule})`,
  ]
}

function ruleLines({ rules }: ReplayReport): string[] {
  const head = [
    'route',
    'rule',
    'limit',
    'algorithm',
    'refused',
    'falsely',
    'full p50',
    'p95',
    'max',
    'most held',
  ]
  const table = consoleTable(head, rules.map(ruleCells), 4)
  const reserving = rules.filter(({ reserved, used }) => reserved !== used)
  return [
    ...table,
    ...reserving.map(
      ({ route, rule, reserved, used }) =>
        `  ${route} ${rule}: reserved ${count(reserved)}, used ${count(used)} (${percent(partOf(used, reserved))})`,
    ),
  ]
}

function ruleCells(rule: RuleReport): string[] {
  const { fullness, falselyRefused, mostHeld } = rule
  return [
    rule.route,
    rule.enforced ? rule.rule : `${rule.rule} (shadow)`,
    rule.resource === 'requests' || rule.resource === 'concurrent'
      ? rule.limit
      : `${rule.limit} ${rule.resource}`,
    rule.algorithm,
    count(rule.refused),
    falselyRefused === null ? '-' : count(falselyRefused),
    percent(fullness.p50),
    percent(fullness.p95),
    percent(fullness.max),
    mostHeld === null ? '-' : percent(mostHeld),
  ]
}

function tierLines({ tiers }: ReplayReport): string[] {
  if (tiers.length < 2) return []
  const rows = tiers.map(({ tier, requests, refused, falselyRefused }) => [
    tier === null ? '(none)' : shownName(tier),
    count(requests),
    count(refused),
    percent(partOf(refused, requests)),
    count(falselyRefused),
  ])
  return ['', ...consoleTable(['tier', 'requests', 'refused', 'part', 'falsely'], rows, 1)]
}

function clientLines({ clients }: ReplayReport): string[] {
  const refused = clients.listed.filter((client) => client.refused > 0).slice(0, NAMED)
  if (refused.length === 0) return []
  const rows = refused.map(({ client, requests, refused: times, longestLockout }) => [
    shownName(client),
    count(requests),
    count(times),
    percent(partOf(times, requests)),
    longestLockout === null ? '' : length(longestLockout.length),
  ])
  return ['', ...consoleTable(['client', 'requests', 'refused', 'part', 'longest lock-out'], rows, 1)]
}

function noteLines({ notes }: ReplayReport): string[] {
  return notes.length === 0 ? [] : ['', ...notes.map((note) => `  ${note}`)]
}

function shownName(name: string): string {
  const plain = printable(name)
  return plain.length > 40 ? `${plain.slice(0, 39)}…` : plain
}
