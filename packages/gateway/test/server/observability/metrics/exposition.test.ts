import { expect, it } from 'vitest'
import { exposition, type MetricFamily } from '../../../../src/server/observability/metrics/exposition.js'
import { HistogramMetric, Metric } from '../../../../src/server/observability/metrics/metric.js'
import { parseOpenMetrics } from './openmetrics-text.js'
import { parseMetrics } from './prometheus-text.js'

const at = Date.UTC(2026, 0, 1)

function families(): MetricFamily[] {
  const requests = new Metric('counter', {
    name: 'requests_total',
    help: 'A "quoted" \\ help.',
    labelNames: ['route'],
  })
  requests.add({ route: 'POST /a "b" \\ \n c' }, 7, { labels: { request_id: 'r-1' }, value: 1, at })
  requests.add({ route: '/long' }, 1, { labels: { request_id: 'x'.repeat(119) }, value: 1, at })
  const build = new Metric('info', { name: 'test_build_info', help: 'Versions.', labelNames: ['version'] })
  build.add({ version: '1.2.3' }, 1)
  const up = new Metric('gauge', { name: 'up', help: 'Never set.' })
  const seconds = new HistogramMetric({
    name: 'seconds',
    help: 'Time.',
    labelNames: ['route'],
    buckets: [0.00001, 0.00005, 0.001, 0.25, 1, 10, 300],
  })
  const series = seconds.series({ route: '/a' })
  series.observe(0.00005, 'r-2')
  series.observe(0.2, 'r-3', '4bf92f3577b34da6a3ce929d0e0e4736')
  series.observe(1)
  series.observe(1000, 'r-4')
  return [requests, build, up, seconds].map((each) => each.family())
}

it('OpenMetrics is valid, and has exemplars on counters and buckets only', () => {
  const text = exposition(families(), 'openmetrics')
  const samples = parseOpenMetrics(text)
  expect(
    samples
      .filter(({ exemplar }) => exemplar)
      .map(({ name, labels, exemplar }) => [name, labels.le, exemplar?.labels]),
  ).toEqual([
    ['requests_total', undefined, { request_id: 'r-1' }],
    ['seconds_bucket', '5e-05', { request_id: 'r-2' }],
    ['seconds_bucket', '0.25', { request_id: 'r-3', trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' }],
    ['seconds_bucket', '+Inf', { request_id: 'r-4' }],
  ])
  expect(samples[0]?.labels.route).toBe('POST /a "b" \\ \n c')
  const bounds = samples.flatMap(({ labels: { le } }) => le ?? [])
  expect(bounds).toEqual(['1e-05', '5e-05', '0.001', '0.25', '1.0', '10.0', '300.0', '+Inf'])
  expect(text).toContain('# TYPE requests counter\nrequests_total{')
  expect(text).toContain('# TYPE test_build info\ntest_build_info{version="1.2.3"} 1\n')
  expect(text).toContain('# HELP requests A \\"quoted\\" \\\\ help.\n')
  expect(text).toContain(`# {request_id="r-1"} 1 ${at / 1000}.000\n`)
})

it('the format of Prometheus has no exemplars, and keeps the names of counters and the bounds of buckets', () => {
  const text = exposition(families(), 'prometheus')
  const samples = parseMetrics(text)
  expect(samples.find(({ name }) => name === 'requests_total')).toMatchObject({
    labels: { route: 'POST /a "b" \\ \n c' },
    value: 7,
  })
  expect(samples.find(({ name }) => name === 'up')?.value).toBe(0)
  const bounds = samples.flatMap(({ labels: { le } }) => le ?? [])
  expect(bounds).toEqual(['0.00001', '0.00005', '0.001', '0.25', '1', '10', '300', '+Inf'])
  expect(text).not.toContain('request_id')
  expect(text).not.toContain('# EOF')
  expect(text).toContain('# TYPE test_build_info gauge\n')
  expect(text).toContain('# HELP requests_total A "quoted" \\\\ help.\n')
})
