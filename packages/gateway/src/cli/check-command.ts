import type { Writable } from 'node:stream'
import type { GatewayConfig } from '../policy/config/config.js'
import { describeConfig } from '../policy/config/describe-config.js'
import {
  ConfigError,
  type ConfigProblem,
  loadConfig,
  parseWithVariables,
  readConfigFile,
} from '../policy/config/load-config.js'
import { shownSource } from '../policy/config/shown-source.js'
import { KEEP_STATE_HINT, stateChanges } from '../policy/config/state-changes.js'
import { loadTls } from '../server/http/tls-files.js'
import { loadKeys } from '../server/identity/keys/keys-file.js'

/** Streams that a command writes to. */
export interface Output {
  readonly out: Pick<Writable, 'write'>
  readonly err: Pick<Writable, 'write'>
}

/**
 * Validates a configuration file and the keys file and TLS files it refers to. Describes a valid configuration;
 * prints each problem of an invalid one with its line and a caret under the position.
 *
 * @param against the configuration file in use; if present, the rules whose state `file` would
 *   abandon are listed as well
 * @returns the exit code: 0 if the file is valid, even with warnings, and 1 otherwise
 */
export async function checkCommand(
  file: string,
  { out, err }: Output,
  against?: string | undefined,
): Promise<number> {
  let source = ''
  try {
    const text = await readConfigFile(file)
    source = shownSource(text)
    const config = await parseWithVariables(text, file)
    const { apiKeys } = config.identity
    if (apiKeys?.kind === 'file') (await loadKeys(apiKeys.file)).checkLimits(config)
    const ofUpstreams = Object.values(config.upstreams ?? {}).map(({ tls }) => tls)
    for (const tls of [config.listen.tls, config.admin?.tls, config.upstreamTls, ...ofUpstreams])
      if (tls !== undefined) await loadTls(tls)
    const changes = against === undefined ? [] : changesText(await loadConfig(against), config, against)
    out.write(`${[`${file}: ok`, ...describeConfig(config), ...changes].join('\n')}\n`)
    for (const warning of config.warnings ?? [])
      err.write(
        `${file}:${warning.line}:${warning.column}: warning: ${warning.message}\n${excerpt(source, warning)}`,
      )
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) {
      // Lines of a keys file are never printed: a plaintext key may have been pasted there by
      // mistake.
      const line = error.file === file ? excerpt(source, problem) : ''
      err.write(`${error.file}:${problem.line}:${problem.column}: ${problem.message}\n${line}`)
    }
    return 1
  }
}

/** Lists the rules whose state the change abandons and the rules that start empty. */
function changesText(before: GatewayConfig, after: GatewayConfig, file: string): string[] {
  const { abandoned, empty } = stateChanges(before, after)
  if (abandoned.length + empty.length === 0) return [`  every rule of ${file} keeps its state`]
  return [
    `  compared with ${file}:`,
    ...abandoned.map((rule) => `    ${rule} was removed: its state is abandoned`),
    ...empty.map((rule) => `    ${rule} is new: it starts empty`),
    `    ${KEEP_STATE_HINT}`,
  ]
}

/** Maximum number of characters shown on either side of the position. */
const MAX_SHOWN = 80

/** Returns the line with a caret under the position; an empty string if there is no such line. */
function excerpt(source: string, { line, column }: ConfigProblem): string {
  const text = source.split('\n')[line - 1]?.trimEnd() ?? ''
  if (text === '') return ''
  const from = Math.max(0, column - 1 - MAX_SHOWN)
  const shown = text.slice(from, column - 1 + MAX_SHOWN)
  // Tabs are preserved to keep the caret aligned.
  const indent = text.slice(from, column - 1).replaceAll(/[^\t]/g, ' ')
  return `  ${printable(shown)}\n  ${indent}^\n`
}

/** Replaces control characters, which could move the cursor of the terminal. */
function printable(line: string): string {
  return line.replaceAll(/[^\t\x20-\x7e\u00a0-\uffff]/g, '?')
}
