import { printable } from '../trace/trace-request.js'
import type { Comparison } from './comparison.js'
import { consoleTable } from './console-table.js'
import type { LockoutReport, ReplayReport, RuleReport } from './report.js'
import {
  formatAmount,
  formatLength,
  formatNumber,
  formatPercent,
  formatQuantity,
  formatTime,
  fractionOf,
} from './report-numbers.js'
import { serverLines } from './server-summary.js'

/** Maximum number of clients listed in a summary. */
const MAX_LISTED = 5

/** Formats a report for a terminal. */
export function summary(report: ReplayReport): string {
  return [
    ...traceLines(report),
    ...policyLines(report),
    ...clientLines(report),
    ...serverLines([report.server], ['']),
    ...noteLines(report),
  ].join('\n')
}

/** Formats a comparison for a terminal. @param names names of the two configurations */
export function comparisonSummary(comparison: Comparison, names: readonly [string, string]): string {
  const { one, other, requests, clients, differing } = comparison
  const [nameOfOne, nameOfOther] = names
  const width = Math.max(nameOfOne.length, nameOfOther.length)
  const clientTable = consoleTable(
    ['client', 'requests', `refused by ${nameOfOne}`, `by ${nameOfOther}`],
    clients
      .slice(0, 2 * MAX_LISTED)
      .map((each) => [
        displayName(each.client),
        formatNumber(each.requests),
        formatNumber(each.refusedByOne),
        formatNumber(each.refusedByOther),
      ]),
    1,
  )
  return [
    ...traceLines(one),
    '',
    `  ${nameOfOne.padEnd(width)}  refuses ${refusedText(one)}`,
    `  ${nameOfOther.padEnd(width)}  refuses ${refusedText(other)}`,
    `  allowed by both ${formatNumber(requests.both)}, by neither ${formatNumber(requests.neither)}, only by ${nameOfOne} ${formatNumber(requests.onlyOne)}, only by ${nameOfOther} ${formatNumber(requests.onlyOther)}`,
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
          `${formatQuantity(differing, 'client')} refused more often by one configuration than by the other:`,
          ...clientTable,
        ]),
    ...serverLines([one.server, other.server], names),
    ...noteLines(one),
  ].join('\n')
}

function traceLines({ trace, requests, tokens }: ReplayReport): string[] {
  const { bad, late, latest, truncated } = trace
  return [
    `${formatQuantity(requests.played, 'request')} from ${formatTime(trace.from)} to ${formatTime(trace.to)} (${formatLength(trace.to - trace.from)})${
      tokens.offered > 0 ? `, ${formatNumber(tokens.offered)} tokens` : ''
    }`,
    ...(requests.passedOver > 0
      ? [`  ${formatNumber(requests.passedOver)} more skipped (other routes)`]
      : []),
    ...(bad.count > 0 ? [`  ${formatQuantity(bad.count, 'line')} skipped as unreadable:`] : []),
    ...bad.first.map(({ line, problem }) => `    line ${line}: ${problem}`),
    ...(bad.count > bad.first.length ? [`    and ${formatNumber(bad.count - bad.first.length)} more`] : []),
    ...(late > 0
      ? [
          `  ${formatQuantity(late, 'request')} out of order by up to ${formatLength(latest)}, replayed late (--reorder ${Math.ceil(latest / 1000)}s restores the order)`,
        ]
      : []),
    ...(truncated ? ['  the compressed file is truncated; replayed up to that point'] : []),
  ]
}

function policyLines(report: ReplayReport): string[] {
  const { requests, tokens, waits, reasons } = report
  const others = (
    [
      ['forbidden', 'forbidden by require'],
      ['invalid', 'invalid (no cost or key)'],
      ['unrouted', 'without a route'],
      ['abandoned', 'abandoned while they waited for a limit'],
    ] as const
  ).filter(([kind]) => requests[kind] > 0)
  return [
    '',
    `  allowed ${formatNumber(requests.allowed)} (${formatPercent(fractionOf(requests.allowed, requests.played))}), refused ${refusedText(report)}`,
    ...(requests.unlimited > 0
      ? [`  ${formatNumber(requests.unlimited)} of the allowed requests without a limit`]
      : []),
    ...others.map(([kind, meaning]) => `  ${formatNumber(requests[kind])} ${meaning}`),
    ...reasons.slice(0, MAX_LISTED).map(({ why, count: times }) => `    ${formatNumber(times)} × ${why}`),
    ...(tokens.offered > 0
      ? [`  tokens: ${formatNumber(tokens.admitted)} of ${formatNumber(tokens.offered)} admitted`]
      : []),
    ...(requests.exhausted === undefined
      ? []
      : [
          `  ${formatQuantity(requests.exhausted, 'call')} used up what was reserved while a limit could not hold more`,
        ]),
    ...(waits === null
      ? []
      : [
          `  ${formatNumber(waits.count)} waited for a limit: p50 ${formatLength(waits.p50)}, p95 ${formatLength(waits.p95)}, at most ${formatLength(waits.max)}`,
        ]),
    ...lockoutLines(report.longestLockout),
    '',
    ...ruleLines(report),
    ...tierLines(report),
  ]
}

function refusedText({ requests }: ReplayReport): string {
  const { refused, falselyRefused, played } = requests
  const part = formatPercent(fractionOf(refused, played))
  return `${formatNumber(refused)} (${part}), ${formatNumber(falselyRefused)} of them falsely`
}

function lockoutLines(lockout: LockoutReport | null): string[] {
  if (lockout === null) return []
  const { client, rule, from, length: long, refused } = lockout
  return [
    `  longest lock-out: ${displayName(client)} fully refused for ${formatLength(long)} from ${formatTime(from)} (${formatNumber(refused)} refused, first by ${rule})`,
  ]
}

function ruleLines({ rules }: ReplayReport): string[] {
  const head = ['route', 'rule', 'limit', 'algorithm', 'refused', 'falsely', 'used p50', 'p95', 'max', 'peak']
  const table = consoleTable(head, rules.map(ruleCells), 4)
  const reserving = rules.filter(({ reserved, used }) => reserved !== used)
  return [
    ...table,
    ...rules.flatMap(({ route, rule, softOverruns }) =>
      softOverruns === undefined
        ? []
        : [`  ${route} ${rule}: soft limit, ${formatNumber(softOverruns)} requests admitted above it`],
    ),
    ...reserving.map(
      ({ route, rule, reserved, used, currency }) =>
        `  ${route} ${rule}: reserved ${formatAmount(reserved, currency)}, used ${formatAmount(used, currency)} (${formatPercent(fractionOf(used, reserved))})`,
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
    formatNumber(rule.refused),
    falselyRefused === null ? '-' : formatNumber(falselyRefused),
    formatPercent(fullness.p50),
    formatPercent(fullness.p95),
    formatPercent(fullness.max),
    mostHeld === null ? '-' : formatPercent(mostHeld),
  ]
}

function tierLines({ tiers }: ReplayReport): string[] {
  if (tiers.length < 2) return []
  const rows = tiers.map(({ tier, requests, refused, falselyRefused }) => [
    tier === null ? '(none)' : displayName(tier),
    formatNumber(requests),
    formatNumber(refused),
    formatPercent(fractionOf(refused, requests)),
    formatNumber(falselyRefused),
  ])
  return ['', ...consoleTable(['tier', 'requests', 'refused', 'percent', 'falsely'], rows, 1)]
}

function clientLines({ clients }: ReplayReport): string[] {
  const refused = clients.listed.filter((client) => client.refused > 0).slice(0, MAX_LISTED)
  if (refused.length === 0) return []
  const rows = refused.map(({ client, requests, refused: times, longestLockout }) => [
    displayName(client),
    formatNumber(requests),
    formatNumber(times),
    formatPercent(fractionOf(times, requests)),
    longestLockout === null ? '' : formatLength(longestLockout.length),
  ])
  return ['', ...consoleTable(['client', 'requests', 'refused', 'percent', 'longest lock-out'], rows, 1)]
}

function noteLines({ notes }: ReplayReport): string[] {
  return notes.length === 0 ? [] : ['', ...notes.map((note) => `  ${note}`)]
}

function displayName(name: string): string {
  const plain = printable(name)
  return plain.length > 40 ? `${plain.slice(0, 39)}…` : plain
}
