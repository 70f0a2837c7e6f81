import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base'
import {
  convertLegacyHttpOptions,
  createOtlpHttpExportDelegate,
} from '@opentelemetry/otlp-exporter-base/node-http'
import {
  type IExporterMetricsHelper,
  type ISerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  MetricsExporterMetricsHelper,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
  TraceExporterMetricsHelper,
} from '@opentelemetry/otlp-transformer'
import { AggregationTemporality, InstrumentType, type PushMetricExporter } from '@opentelemetry/sdk-metrics'
import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import type { Log } from '../../logging/log.js'
import { type Signal, type SignalSettings, variable } from './otlp-settings.js'

const CONTENT_TYPES = { 'http/protobuf': 'application/x-protobuf', 'http/json': 'application/json' } as const

/** Creates the exporter of spans. It takes settings that are not given from the standard variables. */
export function spanExporter(settings: SignalSettings, log: ExportLog): SpanExporter {
  const serializer = settings.protocol === 'http/json' ? JsonTraceSerializer : ProtobufTraceSerializer
  return exporterOf('traces', settings, serializer, TraceExporterMetricsHelper, log)
}

/** Creates the exporter of metrics. It takes settings that are not given from the standard variables. */
export function metricExporter(settings: SignalSettings, log: ExportLog): PushMetricExporter {
  const serializer = settings.protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer
  const exporter = exporterOf('metrics', settings, serializer, MetricsExporterMetricsHelper, log)
  return Object.assign(exporter, { selectAggregationTemporality: temporalityOf })
}

class Exporter<Items> extends OTLPExporterBase<Items> {
  readonly #log: ExportLog
  readonly #signal: Signal

  constructor(
    delegate: ConstructorParameters<typeof OTLPExporterBase<Items>>[0],
    signal: Signal,
    log: ExportLog,
  ) {
    super(delegate)
    this.#signal = signal
    this.#log = log
  }

  override export(items: Items, onResult: (result: ExportResult) => void): void {
    super.export(items, (result) => {
      if (result.code === ExportResultCode.SUCCESS) this.#log.succeeded(this.#signal)
      else this.#log.failed(this.#signal, result.error)
      onResult(result)
    })
  }
}

function exporterOf<Items, Response>(
  signal: Signal,
  { url, protocol }: SignalSettings,
  serializer: ISerializer<Items, Response>,
  helper: IExporterMetricsHelper<Items>,
  log: ExportLog,
): Exporter<Items> {
  const options = convertLegacyHttpOptions(
    { ...(url !== undefined && { url }), userAgent: 'sluice' },
    signal.toUpperCase(),
    `v1/${signal}`,
    { 'Content-Type': CONTENT_TYPES[protocol] },
  )
  const delegate = createOtlpHttpExportDelegate(options, serializer, `otlp_http_${signal}`, helper, undefined)
  return new Exporter(delegate, signal, log)
}

/** Returns the temporality that `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` selects. */
export function temporalityOf(instrument: InstrumentType, env = process.env): AggregationTemporality {
  const isDelta = () => {
    switch (variable(env, 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE')?.toLowerCase()) {
      case 'delta':
        return (
          instrument !== InstrumentType.UP_DOWN_COUNTER &&
          instrument !== InstrumentType.OBSERVABLE_UP_DOWN_COUNTER
        )
      case 'lowmemory':
        return instrument === InstrumentType.COUNTER || instrument === InstrumentType.HISTOGRAM
      default:
        return false
    }
  }
  return isDelta() ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE
}

/** Logs the start and the end of each outage of the receiver, for each signal. */
export class ExportLog {
  readonly #log: Pick<Log, 'warn' | 'info'>
  /** The number of failed exports of the current outage. */
  readonly #failures = new Map<Signal, number>()

  constructor(log: Pick<Log, 'warn' | 'info'>) {
    this.#log = log
  }

  failed(signal: Signal, error: Error | undefined): void {
    const failures = this.#failures.get(signal) ?? 0
    this.#failures.set(signal, failures + 1)
    if (failures > 0) return
    const reason = error?.message || (error as NodeJS.ErrnoException | undefined)?.code || 'unknown error'
    this.#log.warn(
      { signal, reason },
      'cannot export telemetry; dropping it until the receiver responds (logged once)',
    )
  }

  succeeded(signal: Signal): void {
    const failures = this.#failures.get(signal)
    if (failures === undefined) return
    this.#failures.delete(signal)
    this.#log.info({ signal, failures }, 'telemetry export resumed')
  }
}
