import { OTLP_PROTOCOLS, type OtlpConfig } from '../../../policy/config/config.js'

export type Signal = 'traces' | 'metrics'

/** Where and how one signal is sent. */
export interface SignalSettings {
  /** Undefined if the standard variables or the default determine it. */
  readonly url: string | undefined
  readonly protocol: (typeof OTLP_PROTOCOLS)[number]
}

/** The settings of the signals that are exported. */
export type OtlpSettings = Readonly<Partial<Record<Signal, SignalSettings>>>

const SAMPLERS: readonly string[] = [
  ...['always_on', 'always_off', 'traceidratio'],
  ...['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'],
]

/**
 * Merges the configuration with the standard variables, which apply to settings that the
 * configuration does not have.
 *
 * @returns undefined if the variables turn everything off
 * @throws Error if a variable has a value that the gateway does not support
 */
export function otlpSettings(config: OtlpConfig, env = process.env): OtlpSettings | undefined {
  if (variable(env, 'OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined
  const sampler = variable(env, 'OTEL_TRACES_SAMPLER')
  if (sampler !== undefined && !SAMPLERS.includes(sampler)) {
    throw unsupported('OTEL_TRACES_SAMPLER', sampler, SAMPLERS)
  }
  const signals = (['traces', 'metrics'] as const).filter((signal) => isExported(signal, config, env))
  if (signals.length === 0) return undefined
  return Object.fromEntries(signals.map((signal) => [signal, settingsOf(signal, config, env)]))
}

function isExported(signal: Signal, config: OtlpConfig, env: NodeJS.ProcessEnv): boolean {
  const name = `OTEL_${signal.toUpperCase()}_EXPORTER`
  const exporter = variable(env, name) ?? 'otlp'
  if (exporter !== 'otlp' && exporter !== 'none') throw unsupported(name, exporter, ['otlp', 'none'])
  return config[signal] && exporter === 'otlp'
}

function settingsOf(
  signal: Signal,
  { endpoint, protocol }: OtlpConfig,
  env: NodeJS.ProcessEnv,
): SignalSettings {
  // A base URL, to which the path of the signal is appended, as to OTEL_EXPORTER_OTLP_ENDPOINT.
  const url = endpoint && `${endpoint.replace(/\/+$/, '')}/v1/${signal}`
  return { url, protocol: protocol ?? protocolOf(signal, env) }
}

function protocolOf(signal: Signal, env: NodeJS.ProcessEnv): SignalSettings['protocol'] {
  for (const name of [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_PROTOCOL`, 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    const value = variable(env, name)
    if (value === undefined) continue
    const protocol = OTLP_PROTOCOLS.find((known) => known === value)
    if (protocol === undefined) throw unsupported(name, value, OTLP_PROTOCOLS)
    return protocol
  }
  return 'http/protobuf'
}

/** Returns the value of a variable; undefined if it is unset or blank. */
export function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name]?.trim() || undefined
}

function unsupported(name: string, value: string, supported: readonly string[]): Error {
  return new Error(`${name} is '${value}', which the gateway does not support; use ${supported.join(', ')}`)
}
