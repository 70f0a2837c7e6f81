import { type Attributes, type MeterProvider, metrics, trace } from '@opentelemetry/api'
import type { LimiterEvent, LimiterListener } from '../limiter/event.js'

/**
 * Creates a listener that reports a limiter to OpenTelemetry. It uses only the OpenTelemetry API,
 * which costs next to nothing if no SDK is installed.
 *
 *     import { createLimiter } from 'sluice'
 *     import { openTelemetryListener } from 'sluice/opentelemetry'
 *
 *     const limiter = createLimiter({
 *       rules: [{ limit: '10/minute' }],
 *       listener: openTelemetryListener({ name: 'POST /predict' }),
 *     })
 *
 * Metrics: `sluice.decisions` (by outcome), `sluice.refusals` (by rule and reason),
 * `sluice.shadow_refusals`, `sluice.cost` and `sluice.cost.settled` (by rule and resource),
 * `sluice.degraded_decisions`, `sluice.store.failures`, and the histogram
 * `sluice.decision.duration` in seconds. No attribute identifies a client, so the number of series
 * depends on the rules alone.
 *
 * The span that is active during a decision gets the attribute `sluice.outcome`. A refusal adds
 * `sluice.rule`, `sluice.resource`, `sluice.reason`, `sluice.cost`, `sluice.remaining` and
 * `sluice.retry_after_ms`. A decision without the store adds `sluice.degraded`, and a refusal
 * by a shadow rule adds `sluice.shadow_refused_by`.
 */
export function openTelemetryListener(options: OpenTelemetryOptions = {}): LimiterListener {
  const { name, meterProvider = metrics.getMeterProvider() } = options
  const limiter: Attributes = name === undefined ? {} : { 'sluice.limiter': name }
  const instruments = instrumentsOf(meterProvider)
  return (event) => {
    count(event, limiter, instruments)
    trace.getActiveSpan()?.setAttributes(spanAttributesOf(event))
  }
}

export interface OpenTelemetryOptions {
  /** The attribute `sluice.limiter` of all metrics, which distinguishes limiters. */
  readonly name?: string
  /** Default: the global meter provider. */
  readonly meterProvider?: MeterProvider
}

type Instruments = ReturnType<typeof instrumentsOf>

function instrumentsOf(provider: MeterProvider) {
  const meter = provider.getMeter('sluice')
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(name, { unit, description })
  return {
    decisions: counter('sluice.decisions', '{request}', 'Requests that were admitted or refused.'),
    refusals: counter(
      'sluice.refusals',
      '{request}',
      'Refused requests, by reason and by the rule with the longest wait.',
    ),
    shadowRefusals: counter(
      'sluice.shadow_refusals',
      '{request}',
      'Requests that a shadow rule would have refused.',
    ),
    cost: counter('sluice.cost', '{unit}', 'Units charged to requests on admission and by extensions.'),
    settled: meter.createUpDownCounter('sluice.cost.settled', {
      unit: '{unit}',
      description: 'Units charged at settlement, minus refunds.',
    }),
    degraded: counter('sluice.degraded_decisions', '{request}', 'Requests decided without the store.'),
    storeFailures: counter(
      'sluice.store.failures',
      '{failure}',
      'Number of times that the store became unavailable.',
    ),
    duration: meter.createHistogram('sluice.decision.duration', {
      unit: 's',
      description: 'Duration of decisions, including the wait for a limit.',
      advice: {
        explicitBucketBoundaries: [
          0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5,
        ],
      },
    }),
  }
}

function count(event: LimiterEvent, limiter: Attributes, instruments: Instruments): void {
  switch (event.type) {
    case 'allowed':
    case 'refused':
      instruments.decisions.add(1, { ...limiter, 'sluice.outcome': event.type })
      instruments.duration.record(event.took / 1000, limiter)
      if (event.degraded !== undefined) instruments.degraded.add(1, limiter)
      if (event.type === 'refused') {
        const { rule, reason } = event.refusal
        instruments.refusals.add(1, { ...limiter, 'sluice.rule': rule, 'sluice.reason': reason })
        return
      }
      for (const { rule, resource, cost, allowed } of event.quotas)
        if (allowed) instruments.cost.add(cost, { ...limiter, ...ruleAttributes(rule, resource) })
      return
    case 'shadow-refused':
      instruments.shadowRefusals.add(1, { ...limiter, 'sluice.rule': event.quota.rule })
      return
    case 'extended':
      instruments.cost.add(event.cost, { ...limiter, ...ruleAttributes(event.rule, event.resource) })
      return
    case 'settled':
      instruments.settled.add(event.cost - event.taken, {
        ...limiter,
        ...ruleAttributes(event.rule, event.resource),
      })
      return
    case 'store-failed':
      instruments.storeFailures.add(1, limiter)
  }
}

function spanAttributesOf(event: LimiterEvent): Attributes {
  switch (event.type) {
    case 'shadow-refused':
      return { 'sluice.shadow_refused_by': event.quota.rule }
    case 'soft-exceeded':
      return { 'sluice.soft_exceeded_by': event.quota.rule }
    case 'allowed':
      return outcomeAttributes(event)
    case 'refused': {
      const { rule, resource, reason, cost, remaining, retryAfter } = event.refusal
      return {
        ...outcomeAttributes(event),
        ...ruleAttributes(rule, resource),
        'sluice.reason': reason,
        'sluice.cost': cost,
        'sluice.remaining': remaining,
        ...(Number.isFinite(retryAfter) && { 'sluice.retry_after_ms': Math.ceil(retryAfter) }),
      }
    }
    default:
      return {}
  }
}

function outcomeAttributes({
  type,
  degraded,
}: LimiterEvent & { readonly type: 'allowed' | 'refused' }): Attributes {
  return { 'sluice.outcome': type, ...(degraded !== undefined && { 'sluice.degraded': degraded }) }
}

function ruleAttributes(rule: string, resource: string): Attributes {
  return { 'sluice.rule': rule, 'sluice.resource': resource }
}
