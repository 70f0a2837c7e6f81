import { AggregationTemporality, InstrumentType } from '@opentelemetry/sdk-metrics'
import { describe, expect, it } from 'vitest'
import { temporalityOf } from '../../../../src/server/observability/telemetry/otlp-exporters.js'
import { otlpSettings } from '../../../../src/server/observability/telemetry/otlp-settings.js'

const BOTH = { traces: true, metrics: true }
const DEFAULT = { url: undefined, protocol: 'http/protobuf' }

describe('the settings of OTLP', () => {
  it('leave everything that the file does not state to the standard variables', () => {
    expect(otlpSettings(BOTH, {})).toEqual({ traces: DEFAULT, metrics: DEFAULT })
  })

  it('append the path of each signal to the endpoint of the file', () => {
    expect(otlpSettings({ ...BOTH, endpoint: 'https://otel.example/base/' }, {})).toMatchObject({
      traces: { url: 'https://otel.example/base/v1/traces' },
      metrics: { url: 'https://otel.example/base/v1/metrics' },
    })
  })

  it('prefer the file to the variables, and the variable of one signal to that of all', () => {
    const env = {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: 'http/protobuf',
    }
    expect(otlpSettings(BOTH, env)).toMatchObject({
      traces: { protocol: 'http/json' },
      metrics: { protocol: 'http/protobuf' },
    })
    expect(otlpSettings({ ...BOTH, protocol: 'http/protobuf' }, env)?.traces?.protocol).toBe('http/protobuf')
  })

  it('omit a signal that the file or a variable turns off', () => {
    expect(otlpSettings({ traces: false, metrics: true }, {})).toEqual({ metrics: DEFAULT })
    expect(otlpSettings(BOTH, { OTEL_METRICS_EXPORTER: 'none' })).toEqual({ traces: DEFAULT })
    expect(otlpSettings({ traces: false, metrics: true }, { OTEL_METRICS_EXPORTER: 'none' })).toBeUndefined()
    expect(otlpSettings(BOTH, { OTEL_SDK_DISABLED: 'True' })).toBeUndefined()
  })

  it.each([
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'http/protobuf, http/json'],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', 'http/protobuf, http/json'],
    ['OTEL_TRACES_EXPORTER', 'zipkin', 'otlp, none'],
    ['OTEL_TRACES_SAMPLER', 'sometimes', 'always_on, always_off'],
  ])('reject %s=%s, and name the supported values', (name, value, supported) => {
    expect(() => otlpSettings(BOTH, { [name]: value })).toThrow(
      `${name} is '${value}', which the gateway does not support; use ${supported}`,
    )
  })

  it('ignore blank variables', () => {
    const blank = { OTEL_EXPORTER_OTLP_PROTOCOL: ' ', OTEL_TRACES_SAMPLER: '', OTEL_TRACES_EXPORTER: '' }
    expect(otlpSettings(BOTH, blank)).toEqual({ traces: DEFAULT, metrics: DEFAULT })
  })
})

describe('the temporality of metrics', () => {
  const { COUNTER, UP_DOWN_COUNTER, OBSERVABLE_COUNTER, HISTOGRAM } = InstrumentType
  const { DELTA, CUMULATIVE } = AggregationTemporality

  it.each([
    [undefined, [CUMULATIVE, CUMULATIVE, CUMULATIVE, CUMULATIVE]],
    ['cumulative', [CUMULATIVE, CUMULATIVE, CUMULATIVE, CUMULATIVE]],
    ['delta', [DELTA, CUMULATIVE, DELTA, DELTA]],
    ['LowMemory', [DELTA, CUMULATIVE, CUMULATIVE, DELTA]],
  ])('follows the preference %s', (preference, expected) => {
    const env = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference }
    const instruments = [COUNTER, UP_DOWN_COUNTER, OBSERVABLE_COUNTER, HISTOGRAM]
    expect(instruments.map((instrument) => temporalityOf(instrument, env))).toEqual(expected)
  })
})
