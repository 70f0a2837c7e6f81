import { createReadStream } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { GatewayConfig } from './config.js'
import { LEAST, readSettings } from './settings.js'
import { MAX_TEXT_LENGTH, readYaml } from './yaml/document.js'
import { ConfigError, Problems } from './yaml/problems.js'

export { ConfigError, type ConfigProblem } from './yaml/problems.js'

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
  const fail = (message: string): never => {
    throw new ConfigError(file, [{ line: 1, column: 1, message }])
  }
  const chunks: Buffer[] = []
  try {
    // `end` is the last byte that is read: one more than there may be.
    for await (const chunk of createReadStream(file, { end: MAX_TEXT_LENGTH })) chunks.push(chunk)
  } catch (error) {
    return fail(whyUnreadable(error as NodeJS.ErrnoException))
  }
  const bytes = Buffer.concat(chunks)
  if (bytes.length > MAX_TEXT_LENGTH)
    return fail('the file is larger than 1 MiB; a configuration is a few pages')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return fail('the file is not UTF-8 text')
  }
}

function whyUnreadable({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return 'the file does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'the file may not be read by this user'
    case 'EISDIR':
      return 'this is a directory; name the file in it'
    default:
      return `the file cannot be read: ${message}`
  }
}
