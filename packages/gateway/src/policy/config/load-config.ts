import { dirname, resolve } from 'node:path'
import type { GatewayConfig } from './config.js'
import { LEAST, readSettings } from './config-file.js'
import { readBounded, UnreadableFileError } from './files/bounded-read.js'
import { ConfigError, Problems } from './yaml/diagnostics.js'
import { MAX_TEXT_LENGTH, readYaml } from './yaml/yaml-document.js'

export { ConfigError, type ConfigProblem } from './yaml/diagnostics.js'

/**
 * Reads, checks and compiles a configuration file.
 *
 * @throws ConfigError with everything that is wrong, or with why the file cannot be read.
 */
export async function loadConfig(file: string): Promise<GatewayConfig> {
  return parseConfig(await readConfigText(file), file)
}

/**
 * Checks and compiles the text of a configuration file.
 *
 * @param file its name, for messages
 * @throws ConfigError with everything that is wrong.
 */
export function parseConfig(text: string, file: string): GatewayConfig {
  const problems = new Problems(text)
  const root = readYaml(text, problems, LEAST)
  const settings = root && readSettings(root, problems)
  if (settings === undefined || problems.count > 0) throw new ConfigError(file, problems.inOrder())
  const warnings = problems.warnings()
  const config = { ...settings, source: { file, text }, ...(warnings.length > 0 && { warnings }) }
  return withPaths(config, dirname(file))
}

/** Files that a configuration names lie beside it. */
function withPaths(config: GatewayConfig, folder: string): GatewayConfig {
  const { identity, admin, record } = config
  return {
    ...config,
    ...(identity.apiKeys !== undefined && {
      identity: { ...identity, apiKeys: resolve(folder, identity.apiKeys) },
    }),
    ...(record !== undefined && { record: { ...record, file: resolve(folder, record.file) } }),
    ...(admin?.audit !== undefined && { admin: { ...admin, audit: resolve(folder, admin.audit) } }),
  }
}

/**
 * Reads a file that should be a configuration; no more of it than one can have.
 *
 * @throws ConfigError where it cannot be read or is no UTF-8.
 */
export async function readConfigText(file: string): Promise<string> {
  try {
    return await readText(file)
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error
    throw new ConfigError(file, [{ line: 1, column: 1, message: error.message }])
  }
}

/**
 * Reads a file that should be a configuration or a file of keys.
 *
 * @throws UnreadableFileError, also where the file is too large or no UTF-8.
 */
export async function readText(file: string, options?: { readonly onlyFiles: boolean }): Promise<string> {
  const bytes = await readBounded(file, { ...options, maxBytes: MAX_TEXT_LENGTH }).catch((error) => {
    if (error.code !== 'EFBIG') throw error
    throw new UnreadableFileError('the file is larger than 1 MiB; a configuration is a few pages', 'EFBIG')
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UnreadableFileError('the file is not UTF-8 text', 'EILSEQ')
  }
}
