import type { Writable } from 'node:stream'
import type { GatewayConfig } from '../policy/config/config.js'
import { describeConfig } from '../policy/config/describe-config.js'
import {
  ConfigError,
  type ConfigProblem,
  loadConfig,
  parseConfig,
  readConfigText,
} from '../policy/config/load-config.js'
import { KEEP_STATE_HINT, stateChanges } from '../policy/config/state-changes.js'
import { withoutPasswords } from '../policy/config/store-address.js'
import { loadKeys } from '../server/identity/key-file.js'

/** Where a command writes to. */
export interface Output {
  readonly out: Pick<Writable, 'write'>
  readonly err: Pick<Writable, 'write'>
}

/**
 * Says what a configuration file means, or what is wrong with it or with the file of keys that it names: each problem with
 * its line and a caret under its place.
 *
 * @param against the file that is in use now: `check` then says which state a change to `file` would abandon
 * @returns the exit code: 0 where the file can be used, with or without warnings, else 1
 */
export async function checkCommand(
  file: string,
  { out, err }: Output,
  against?: string | undefined,
): Promise<number> {
  let text = ''
  try {
    text = await readConfigText(file)
    const config = parseConfig(text, file)
    if (config.identity.apiKeys !== undefined) await loadKeys(config.identity.apiKeys)
    const changes = against === undefined ? [] : changesText(await loadConfig(against), config, against)
    out.write(`${[`${file}: ok`, ...describeConfig(config), ...changes].join('\n')}\n`)
    for (const warning of config.warnings ?? [])
      err.write(
        `${file}:${warning.line}:${warning.column}: warning: ${warning.message}\n${excerpt(text, warning)}`,
      )
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) {
      // No line of a file of keys is shown: a key may have been put there by mistake.
      const line = error.file === file ? excerpt(text, problem) : ''
      err.write(`${error.file}:${problem.line}:${problem.column}: ${problem.message}\n${line}`)
    }
    return 1
  }
}

/** Which state the change from one configuration to the other abandons, and which rules begin empty. */
function changesText(before: GatewayConfig, after: GatewayConfig, file: string): string[] {
  const { abandoned, empty } = stateChanges(before, after)
  if (abandoned.length + empty.length === 0) return [`  every rule of ${file} keeps its state`]
  return [
    `  compared with ${file}:`,
    ...abandoned.map((rule) => `    ${rule} is gone: its state is abandoned`),
    ...empty.map((rule) => `    ${rule} is new: it begins empty`),
    `    ${KEEP_STATE_HINT}`,
  ]
}

/** More of a line than this is not shown, on either side of the place. */
const SHOWN = 80

/** The line with a caret under the place; nothing where there is no such line. */
function excerpt(text: string, { line, column }: ConfigProblem): string {
  const source = withoutPasswords(text.split('\n')[line - 1]?.trimEnd() ?? '')
  if (source === '') return ''
  const from = Math.max(0, column - 1 - SHOWN)
  const shown = source.slice(from, column - 1 + SHOWN)
  // Tabs stay tabs, so that the caret stands where the place is.
  const indent = source.slice(from, column - 1).replaceAll(/[^\t]/g, ' ')
  return `  ${printable(shown)}\n  ${indent}^\n`
}

/** A file that is no text could move the cursor of whoever looks at it. */
function printable(line: string): string {
  return line.replaceAll(/[^\t\x20-\x7e\u00a0-\uffff]/g, '?')
}
