import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const DIST = fileURLToPath(new URL('../../../../dist/', import.meta.url))

/** Imports modules of the built gateway in a new process, and counts those of the OpenTelemetry SDK. prom-client loads the API. */
async function loadedBy(...modules: string[]): Promise<number> {
  const script = `
    import { Module } from 'node:module'
    for (const name of ${JSON.stringify(modules)}) await import(${JSON.stringify(`file://${DIST}`)} + name)
    console.log(Object.keys(Module._cache).filter((file) => /@opentelemetry.(?!api\\b)/.test(file)).length)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return Number(stdout)
}

it('does not load the OpenTelemetry SDK unless telemetry is exported', async () => {
  expect(await loadedBy('index.js', 'server/gateway.js')).toBe(0)
  expect(await loadedBy('server/observability/telemetry/otlp-telemetry.js')).toBeGreaterThan(10)
})
