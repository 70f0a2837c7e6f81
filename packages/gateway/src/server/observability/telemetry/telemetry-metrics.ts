import type { Attributes, Histogram, MeterProvider } from '@opentelemetry/api'

/** Boundaries of the semantic conventions, in seconds. */
const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const OPERATION_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]
const FIRST_TOKEN_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
const PER_TOKEN_SECONDS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]

/** The histograms of requests and model calls, under the names of the semantic conventions. */
export type TelemetryMetrics = Readonly<
  Record<'request' | 'operation' | 'tokens' | 'firstToken' | 'perOutputToken', Histogram<Attributes>>
>

export function telemetryMetrics(provider: MeterProvider, version: string): TelemetryMetrics {
  const meter = provider.getMeter('sluice-gateway', version)
  const histogram = (name: string, unit: string, description: string, boundaries: number[]) =>
    meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: boundaries } })
  return {
    request: histogram(
      'http.server.request.duration',
      's',
      'Duration of requests, until the client has the response.',
      HTTP_SECONDS,
    ),
    operation: histogram(
      'gen_ai.client.operation.duration',
      's',
      'Duration of model calls at the upstream.',
      OPERATION_SECONDS,
    ),
    tokens: histogram('gen_ai.client.token.usage', '{token}', 'Tokens of model calls.', TOKENS),
    firstToken: histogram(
      'gen_ai.server.time_to_first_token',
      's',
      'Time from forwarding a request to the first text of its stream.',
      FIRST_TOKEN_SECONDS,
    ),
    perOutputToken: histogram(
      'gen_ai.server.time_per_output_token',
      's',
      'Average time per output token after the first, for each stream.',
      PER_TOKEN_SECONDS,
    ),
  }
}
