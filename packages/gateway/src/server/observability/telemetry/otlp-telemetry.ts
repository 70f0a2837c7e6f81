import { randomUUID } from 'node:crypto'
import { detectResources, envDetector, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor, type BufferConfig } from '@opentelemetry/sdk-trace-base'
import type { LimiterEvent, LimiterListener } from 'sluice'
import { openTelemetryListener } from 'sluice/opentelemetry'
import type { GatewayConfig } from '../../../policy/config/config.js'
import type { RequestSender } from '../../../policy/policy-request.js'
import { VERSION } from '../../../version.js'
import { type DescribedBy, DescribedRequest } from './described-request.js'
import { ExportLog, metricExporter, spanExporter } from './otlp-exporters.js'
import { type OtlpSettings, type SignalSettings, variable } from './otlp-settings.js'
import type { OpenedTelemetry, TelemetryProcess } from './request-telemetry.js'
import { telemetryMetrics } from './telemetry-metrics.js'

/** The default of the specification. */
const METRIC_INTERVAL_MS = 60_000
/** Maximum time of the last export. */
const CLOSE_TIMEOUT_MS = 3_000

/** The configuration of telemetry that can be reloaded. */
type Reloadable = Pick<GatewayConfig, 'models'>

export function startOtlp(
  settings: OtlpSettings,
  config: Reloadable,
  { log, redaction, worker }: TelemetryProcess,
): OpenedTelemetry {
  const exports = new ExportLog(log)
  const resource = resourceOf(worker)
  const meters = settings.metrics && meterProvider(settings.metrics, resource, exports)
  const tracers = settings.traces && tracerProvider(settings.traces, resource, exports, meters)
  const fixed = {
    tracer: tracers?.getTracer('sluice-gateway', VERSION),
    metrics: meters && telemetryMetrics(meters, VERSION),
    redaction,
  }
  let by: DescribedBy = { ...fixed, modelLabel: modelLabelOf(config) }
  return {
    start: (request, requestId) => new DescribedRequest(by, request, requestId),
    onLimiterEvent: meters === undefined ? () => {} : limiterEvents(meters),
    configure(next) {
      by = { ...fixed, modelLabel: modelLabelOf(next) }
    },
    async close() {
      const closed = Promise.allSettled([tracers?.shutdown(), meters?.shutdown()])
      let timer: NodeJS.Timeout | undefined
      await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)))])
      clearTimeout(timer)
    },
  }
}

function modelLabelOf({ models = [] }: Reloadable): DescribedBy['modelLabel'] {
  const named = new Set(models)
  return (model) => (model !== undefined && named.has(model) ? model : 'other')
}

/** Each process has a resource of its own, so that the counters of workers are not mixed up. */
function resourceOf(worker: number | undefined): Resource {
  const own = resourceFromAttributes({
    'service.name': 'sluice',
    'service.version': VERSION,
    'service.instance.id': randomUUID(),
    'process.pid': process.pid,
    ...(worker !== undefined && { 'sluice.worker': worker }),
  })
  return own.merge(detectResources({ detectors: [envDetector] }))
}

function meterProvider(settings: SignalSettings, resource: Resource, log: ExportLog): MeterProvider {
  const interval = Number(variable(process.env, 'OTEL_METRIC_EXPORT_INTERVAL')) || METRIC_INTERVAL_MS
  const timeout = Number(variable(process.env, 'OTEL_METRIC_EXPORT_TIMEOUT')) || interval
  const reader = new PeriodicExportingMetricReader({
    exporter: metricExporter(settings, log),
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(interval, timeout),
  })
  return new MeterProvider({ resource, readers: [reader] })
}

/** Spans wait in a queue of `OTEL_BSP_MAX_QUEUE_SIZE`, 2,048 by default; further spans are dropped. */
function tracerProvider(
  settings: SignalSettings,
  resource: Resource,
  log: ExportLog,
  meters: MeterProvider | undefined,
): BasicTracerProvider {
  // The metrics count the spans that were exported, dropped or lost.
  const options: BufferConfig & { selfObsMeterProvider?: MeterProvider } = {}
  if (meters !== undefined) options.selfObsMeterProvider = meters
  return new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(spanExporter(settings, log), options)],
  })
}

/** Counts the events of each route's limiter, as an application that embeds a limiter would. */
function limiterEvents(meters: MeterProvider) {
  const listeners = new Map<string, LimiterListener>()
  return (route: string, event: LimiterEvent<RequestSender>) => {
    let listener = listeners.get(route)
    if (listener === undefined) {
      listener = openTelemetryListener({ name: route, meterProvider: meters })
      listeners.set(route, listener)
    }
    listener(event)
  }
}
