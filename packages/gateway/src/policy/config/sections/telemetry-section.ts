import { z } from 'zod'
import { OTLP_PROTOCOLS, type OtlpConfig, type TelemetryConfig } from '../config.js'
import { type Decoder, mapOf, scalar, transform, withKeysOf } from '../yaml/decoders.js'
import { boolean, string } from '../yaml/scalars.js'

const EXAMPLE = 'http://127.0.0.1:4318'

const endpoint: Decoder<string> = transform(string(EXAMPLE), (text) => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new TypeError(`'endpoint' must be a URL that begins with http: or https:, such as ${EXAMPLE}`)
  const { username, password, search, hash } = new URL(text)
  if (username !== '' || password !== '')
    throw new TypeError(
      "'endpoint' must not contain a user name or password; set the variable OTEL_EXPORTER_OTLP_HEADERS",
    )
  if (search !== '' || hash !== '') throw new TypeError("'endpoint' must not contain a query or fragment")
  return text
})

const otlpMap = mapOf(
  {
    endpoint,
    protocol: scalar(z.enum(OTLP_PROTOCOLS), `one of ${OTLP_PROTOCOLS.join(', ')}`),
    traces: boolean,
    metrics: boolean,
  },
  `true, a URL such as ${EXAMPLE}, or a map such as { endpoint: ${EXAMPLE}, metrics: false }`,
)

const otlp: Decoder<OtlpConfig | 'off'> = withKeysOf(otlpMap, (node, problems) => {
  if (node.kind === 'scalar' && node.value === true) return { traces: true, metrics: true }
  if (node.kind === 'scalar' && node.value === false) return 'off'
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    const url = endpoint(node, problems)
    return url === undefined ? undefined : { endpoint: url, traces: true, metrics: true }
  }
  const { traces = true, metrics = true, ...values } = otlpMap(node, problems) ?? {}
  if (traces || metrics) return { ...values, traces, metrics }
  problems.at(node, "'otlp' exports neither traces nor metrics; write 'otlp: false' or remove it")
  return undefined
})

const telemetryMap = mapOf({ otlp }, 'a map such as { otlp: true }')

/** Decodes `telemetry`: the export of traces and metrics. */
export const decodeTelemetry: Decoder<TelemetryConfig> = withKeysOf(telemetryMap, (node, problems) => {
  const values = telemetryMap(node, problems)
  if (values === undefined) return undefined
  if (node.kind === 'map' && !node.entries.has('otlp'))
    problems.at(node, "'telemetry' requires 'otlp', such as { otlp: true }")
  return values.otlp === undefined || values.otlp === 'off' ? {} : { otlp: values.otlp }
})
