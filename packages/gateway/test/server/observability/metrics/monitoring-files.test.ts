import { readFile } from 'node:fs/promises'
import { parser } from '@prometheus-io/lezer-promql'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createInstruments } from '../../../../src/server/observability/metrics/instruments.js'

/** Checks that the alerts and the Grafana dashboard use existing metrics and labels. */

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

const text = (name: string) => readFile(new URL(name, FOLDER), 'utf8')
const alerts = (parse(await text('alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
)
const dashboard = JSON.parse(await text('grafana-dashboard.json')) as { panels: Panel[] }
const targets = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target })),
)

/** The labels of each series, by its name. */
const series = new Map<string, ReadonlySet<string>>()
for (const metric of createInstruments().registry.getMetricsAsArray()) {
  // A property of every metric that the types lack.
  const { name, labelNames } = metric as typeof metric & { readonly labelNames: readonly string[] }
  const labels = new Set([...labelNames, 'instance'])
  if (metric.constructor.name !== 'PrometheusHistogram') series.set(name, labels)
  else
    for (const part of ['bucket', 'sum', 'count']) series.set(`${name}_${part}`, new Set([...labels, 'le']))
}

/** Returns the syntax errors, unknown metrics and unknown labels of a query. */
function faultsOf(query: string): string[] {
  const faults: string[] = []
  // Grafana replaces this variable.
  const expression = query.replaceAll('$__rate_interval', '5m')
  const tree = parser.parse(expression)
  const names = new Set<string>()
  const labels = new Set<string>()
  tree.iterate({
    enter({ name, type, from, to }) {
      const word = expression.slice(from, to)
      if (type.isError) faults.push(`syntax error at ${from}: ${expression}`)
      if (name === 'Identifier') names.add(word)
      if (name === 'LabelName') labels.add(word)
    },
  })
  if (names.size === 0) faults.push(`no metric in ${expression}`)
  for (const name of names) {
    const known = series.get(name)
    if (known === undefined) faults.push(`unknown metric ${name}`)
    for (const label of labels) if (known?.has(label) === false) faults.push(`${name} has no label ${label}`)
  }
  return faults
}

/** Returns the labels that a query groups by. */
function labelsShown(query: string): readonly string[] {
  const grouped = [...query.matchAll(/\bby \(([^)]*)\)/g)].map(([, list = '']) => list.split(/, */))
  return grouped.flat()
}

it('finds syntax errors, unknown metrics and unknown labels in a query', () => {
  expect(faultsOf('sluice_requests_total')).toEqual([])
  expect(faultsOf('rate(sluice_requests_totals[5m])')).toEqual(['unknown metric sluice_requests_totals'])
  expect(faultsOf('sum by (client) (sluice_requests_total)')).toEqual([
    'sluice_requests_total has no label client',
  ])
  expect(faultsOf('sluice_requests_total{rule="x"}')).toEqual(['sluice_requests_total has no label rule'])
  expect(faultsOf('sum by (route (sluice_requests_total)')).not.toEqual([])
})

describe('alerts', () => {
  it.each(alerts)('queries existing series and labels: $alert', ({ expr, annotations }) => {
    expect(faultsOf(expr)).toEqual([])
    const shown = [...`${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g)]
    const left = labelsShown(expr)
    // Without `by`, all labels remain.
    for (const [, label = ''] of shown) if (left.length > 0) expect(left).toContain(label)
  })
})

describe('panels', () => {
  it.each(targets)('queries existing series and labels: $title, $legendFormat', ({ expr, legendFormat }) => {
    expect(faultsOf(expr)).toEqual([])
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      expect(labelsShown(expr)).toContain(label)
  })
})

it('shows every metric in the Grafana dashboard', () => {
  const shown = targets.map(({ expr }) => expr).join(' ')
  const families = createInstruments().registry.getMetricsAsArray()
  expect(families.map(({ name }) => name).filter((name) => !shown.includes(name))).toEqual([])
})
