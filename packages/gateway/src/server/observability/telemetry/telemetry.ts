import type { GatewayConfig } from '../../../policy/config/config.js'
import { otlpSettings } from './otlp-settings.js'
import type { OpenedTelemetry, TelemetryProcess } from './request-telemetry.js'

/**
 * Starts to export the traces and metrics of this process, if so configured. Loads the exporters
 * only then.
 *
 * @throws Error if a standard variable has a value that the gateway does not support
 */
export async function openTelemetry(
  config: GatewayConfig,
  process: TelemetryProcess,
): Promise<OpenedTelemetry | undefined> {
  const settings = telemetrySettings(config)
  if (settings === undefined) return undefined
  const { startOtlp } = await import('./otlp-telemetry.js')
  return startOtlp(settings, config, process)
}

/** Checks the standard variables. Throws as `openTelemetry` does. */
export function telemetrySettings({ telemetry }: Pick<GatewayConfig, 'telemetry'>) {
  return telemetry?.otlp && otlpSettings(telemetry.otlp)
}
