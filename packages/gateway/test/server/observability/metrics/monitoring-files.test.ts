import { readFile } from 'node:fs/promises'
import { parser } from '@prometheus-io/lezer-promql'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createInstruments, metricsOf } from '../../../../src/server/observability/metrics/instruments.js'

/** Checks that the alerts and the Grafana dashboard use only existing metrics and labels. */

const FOLDER = new URL('../../../../monitoring/', import.meta.url)

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly description?: string }
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const readText = (name: string) => readFile(new URL(name, FOLDER), 'utf8')
const alerts = (parse(await readText('alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)
const dashboard = JSON.parse(await readText('grafana-dashboard.json')) as { panels: Panel[] }
const targets = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target })),
)

/** The labels of each series, by its name. */
const series = new Map<string, ReadonlySet<string>>()
const metrics = metricsOf(createInstruments())
for (const { name, labelNames, type } of metrics) {
  const labels = new Set([...labelNames, 'instance'])
  if (type !== 'histogram') series.set(name, labels)
  else
    for (const part of ['bucket', 'sum', 'count']) series.set(`${name}_${part}`, new Set([...labels, 'le']))
}

/** Returns the syntax errors, unknown metrics and unknown labels of a query. */
function problemsIn(query: string): string[] {
  const problems: string[] = []
  // Grafana replaces this variable.
  const expression = query.replaceAll('$__rate_interval', '5m')
  const tree = parser.parse(expression)
  const names = new Set<string>()
  const labels = new Set<string>()
  tree.iterate({
    enter({ name, type, from, to }) {
      const word = expression.slice(from, to)
      if (type.isError) problems.push(`syntax error at ${from}: ${expression}`)
      if (name === 'Identifier') names.add(word)
      if (name === 'LabelName') labels.add(word)
    },
  })
  if (names.size === 0) problems.push(`no metric in ${expression}`)
  for (const name of names) {
    const known = series.get(name)
    if (known === undefined) problems.push(`unknown metric ${name}`)
    for (const label of labels)
      if (known?.has(label) === false) problems.push(`${name} has no label ${label}`)
  }
  return problems
}

/** Returns the labels that a query groups by. */
function groupingLabels(query: string): readonly string[] {
  const grouped = [...query.matchAll(/\bby \(([^)]*)\)/g)].map(([, list = '']) => list.split(/, */))
  return grouped.flat()
}

it('problemsIn finds syntax errors, unknown metrics and unknown labels in a query', () => {
  expect(problemsIn('sluice_requests_total')).toEqual([])
  expect(problemsIn('rate(sluice_requests_totals[5m])')).toEqual(['unknown metric sluice_requests_totals'])
  expect(problemsIn('sum by (client) (sluice_requests_total)')).toEqual([
    'sluice_requests_total has no label client',
  ])
  expect(problemsIn('sluice_requests_total{rule="x"}')).toEqual(['sluice_requests_total has no label rule'])
  expect(problemsIn('sum by (route (sluice_requests_total)')).not.toEqual([])
})

describe('alerts', () => {
  it.each(alerts)('query only existing series and labels: $alert', ({ expr, annotations }) => {
    expect(problemsIn(expr)).toEqual([])
    const shown = [...`${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g)]
    const left = groupingLabels(expr)
    // A query without `by` keeps all labels.
    for (const [, label = ''] of shown) if (left.length > 0) expect(left).toContain(label)
  })
})

describe('dashboard panels', () => {
  it.each(targets)(
    'query only existing series and labels: $title, $legendFormat',
    ({ expr, legendFormat }) => {
      expect(problemsIn(expr)).toEqual([])
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect(groupingLabels(expr)).toContain(label)
    },
  )
})

it('the Grafana dashboard shows every metric', () => {
  const shown = targets.map(({ expr }) => expr).join(' ')
  expect(metrics.map(({ name }) => name).filter((name) => !shown.includes(name))).toEqual([])
})

it('the table of the documentation lists every metric with its labels', async () => {
  const page = await readFile(new URL('../../../docs/monitoring.md', FOLDER), 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| `'))
  const missing = metrics.flatMap(({ name, labelNames }) => {
    const row = rows.find((line) => line.split(' | ')[0]?.includes(name))
    const listed = row?.split(' | ')[1]?.split(/, */) ?? []
    const unlisted = labelNames.filter((label) => !listed.includes(label))
    return row === undefined ? [name] : unlisted.map((label) => `${name}{${label}}`)
  })
  expect(missing).toEqual([])
})
