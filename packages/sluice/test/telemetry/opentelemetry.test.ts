import { context, type Span, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createLimiter } from '../../src/limiter/limiter.js'
import type { Rule } from '../../src/rules/rule.js'
import { withFailurePolicy } from '../../src/stores/resilience/failure-policy.js'
import { openTelemetryListener } from '../../src/telemetry/opentelemetry.js'
import { FaultyStore } from '../stores/resilience/faulty-store.js'

/** Creates a limiter that reports to the OpenTelemetry SDK. */
function measuredLimiter(rules: readonly Rule<string>[], store?: FaultyStore) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  onTestFinished(() => meterProvider.shutdown())
  const limiter = createLimiter({
    rules,
    ...(store && { store: withFailurePolicy(store, { policy: 'local' }) }),
    listener: openTelemetryListener({ name: 'predict', meterProvider }),
  })
  /**
   * Returns values by name and attributes, such as `sluice.refusals{sluice.reason=…}`.
   *
   * The value of a histogram is its number of measurements.
   */
  const values = async () => {
    await meterProvider.forceFlush()
    const [last] = exporter.getMetrics().slice(-1)
    const metrics = last?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
    return Object.fromEntries(
      metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => {
          const labels = Object.entries(attributes)
            .filter(([name]) => name !== 'sluice.limiter')
            .map(([name, each]) => `${name}=${each}`)
            .sort()
          expect(attributes['sluice.limiter']).toBe('predict')
          return [
            `${descriptor.name}{${labels.join()}}`,
            typeof value === 'number' ? value : value.count,
          ] as const
        }),
      ),
    )
  }
  return { limiter, values }
}

it('openTelemetryListener reports the metrics of a limiter by rule and never by client', async () => {
  const { limiter, values } = measuredLimiter([
    { name: 'few', limit: '2/hour' },
    { name: 'trial', limit: '1/hour', enforce: false },
    { name: 'tokens', limit: '1000/hour', of: 'tokens', cost: 100 },
  ])
  for (const key of ['a', 'a', 'a', 'b']) {
    const decision = await limiter.admit(key)
    if (decision.allowed) await decision.permit.settle({ tokens: 30 })
  }
  expect(await values()).toEqual({
    'sluice.decisions{sluice.outcome=allowed}': 3,
    'sluice.decisions{sluice.outcome=refused}': 1,
    'sluice.refusals{sluice.reason=exceeded,sluice.rule=few}': 1,
    'sluice.shadow_refusals{sluice.rule=trial}': 2,
    'sluice.cost{sluice.resource=requests,sluice.rule=few}': 3,
    'sluice.cost{sluice.resource=requests,sluice.rule=trial}': 2,
    'sluice.cost{sluice.resource=tokens,sluice.rule=tokens}': 300,
    'sluice.cost.settled{sluice.resource=tokens,sluice.rule=tokens}': -210,
    'sluice.decision.duration{}': 4,
  })
})

describe('the active span of a decision', () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    trace.setGlobalTracerProvider(provider)
  })
  afterAll(async () => {
    context.disable()
    trace.disable()
    await provider.shutdown()
  })

  const attributesDuring = async (work: () => unknown) => {
    exporter.reset()
    await trace.getTracer('test').startActiveSpan('a request', async (span: Span) => {
      await work()
      span.end()
    })
    return exporter.getFinishedSpans()[0]?.attributes
  }

  it('gets the outcome of a decision and the reason of a refusal', async () => {
    const { limiter } = measuredLimiter([{ name: 'few', limit: '1/hour' }])
    expect(await attributesDuring(() => limiter.admit('a'))).toEqual({ 'sluice.outcome': 'allowed' })
    expect(await attributesDuring(() => limiter.admit('a'))).toEqual({
      'sluice.outcome': 'refused',
      'sluice.rule': 'few',
      'sluice.resource': 'requests',
      'sluice.reason': 'exceeded',
      'sluice.cost': 1,
      'sluice.remaining': 0,
      'sluice.retry_after_ms': expect.any(Number),
    })
  })

  it('gets an attribute for a decision without the store, and the failure is counted', async () => {
    const store = new FaultyStore()
    const { limiter, values } = measuredLimiter([{ name: 'few', limit: '5/hour' }], store)
    store.mode = 'refuses'
    expect(await attributesDuring(() => limiter.admit('a'))).toEqual({
      'sluice.outcome': 'allowed',
      'sluice.degraded': 'local',
    })
    expect(await values()).toMatchObject({
      'sluice.degraded_decisions{}': 1,
      'sluice.store.failures{}': 1,
    })
  })
})
