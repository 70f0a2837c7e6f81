import { dirname, resolve } from 'node:path'
import type { GatewayConfig, TlsFiles } from './config.js'
import { decodeConfig, MINIMAL_CONFIG_HINT } from './config-file.js'
import { readBounded, UnreadableFileError } from './files/bounded-read.js'
import { readKeyLabels } from './files/key-labels.js'
import { readVariables, withoutFiles } from './files/read-variables.js'
import { pricesPathOf, readPrices } from './prices/prices-section.js'
import { ConfigError, Problems } from './yaml/diagnostics.js'
import { substitute, type VariableSource } from './yaml/variables.js'
import { MAX_CONFIG_LENGTH, readYaml } from './yaml/yaml-document.js'

export { knownVariables } from './files/read-variables.js'
export { ConfigError, type ConfigProblem } from './yaml/diagnostics.js'

/**
 * Reads, validates and compiles a configuration file.
 *
 * @throws ConfigError that lists every problem in the file, or states why it cannot be read
 */
export async function loadConfig(file: string): Promise<GatewayConfig> {
  return parseWithVariables(await readConfigFile(file), file)
}

/** Reads the variables to which a configuration refers, and parses it. @throws ConfigError */
export async function parseWithVariables(text: string, file: string): Promise<GatewayConfig> {
  const folder = dirname(file)
  const variables = await readVariables(text, folder)
  const source = await withPriceList(text, folder, variables)
  return parseConfig(text, file, source, await readKeyLabels(text, folder, variables))
}

/** Adds the contents of the price list to the values of variables, if the configuration has one. */
async function withPriceList(text: string, folder: string, source: VariableSource): Promise<VariableSource> {
  const path = pricesPathOf(text, source, new Problems(text))
  if (path === undefined) return source
  const found = await readTextFile(resolve(folder, path)).catch((error: unknown) => {
    if (error instanceof UnreadableFileError) return error
    throw error
  })
  return {
    ...source,
    priceList() {
      if (typeof found === 'string') return found
      throw new Error(`${path}: ${found.message}`)
    },
  }
}

/**
 * Validates and compiles the text of a configuration file.
 *
 * @param file the file's name, for messages
 * @param source the values of variables; by default, those of the environment and of no files
 * @param keyLabels the labels in the keys file; undefined if it was not read
 * @throws ConfigError that lists every problem in the file
 */
export function parseConfig(
  text: string,
  file: string,
  source: VariableSource = withoutFiles,
  keyLabels?: readonly string[],
): GatewayConfig {
  const problems = new Problems(text)
  const written = readYaml(text, problems, MINIMAL_CONFIG_HINT)
  const { root, variables } = written
    ? substitute(written, source, problems)
    : { root: undefined, variables: {} }
  const prices = root && readPrices(root, source, file, problems)
  const decoded = root && decodeConfig(root, problems, keyLabels, prices)
  if (decoded === undefined || problems.count > 0) throw new ConfigError(file, problems.inOrder())
  const warnings = problems.warnings()
  const known = prices === undefined ? variables : { ...variables, [`prices:${prices.path}`]: prices.text }
  const config = {
    ...decoded,
    source: { file, text, variables: known },
    ...(warnings.length > 0 && { warnings }),
  }
  return withResolvedPaths(config, dirname(file))
}

/** Resolves the file paths in a configuration relative to the folder of the configuration file. */
function withResolvedPaths(config: GatewayConfig, folder: string): GatewayConfig {
  const { identity, admin, accessLog, record, listen, upstreamTls, upstreams } = config
  const path = (file: string) => resolve(folder, file)
  return {
    ...config,
    ...(identity.apiKeys?.kind === 'file' && {
      identity: { ...identity, apiKeys: { kind: 'file', file: path(identity.apiKeys.file) } },
    }),
    ...(config.state !== undefined && { state: path(config.state) }),
    ...(accessLog?.file !== undefined && { accessLog: { file: path(accessLog.file) } }),
    ...(record !== undefined && { record: { ...record, file: path(record.file) } }),
    ...(admin !== undefined && {
      admin: {
        ...admin,
        ...(admin.audit !== undefined && { audit: path(admin.audit) }),
        ...(admin.tls && { tls: resolvedTls(admin.tls, path) }),
      },
    }),
    ...(listen.tls && { listen: { ...listen, tls: resolvedTls(listen.tls, path) } }),
    ...(upstreamTls && { upstreamTls: resolvedTls(upstreamTls, path) }),
    ...(upstreams && {
      upstreams: Object.fromEntries(
        Object.entries(upstreams).map(([name, { tls, ...others }]) => [
          name,
          { ...others, ...(tls && { tls: resolvedTls(tls, path) }) },
        ]),
      ),
    }),
  }
}

function resolvedTls<T extends TlsFiles>(tls: T, path: (file: string) => string): T {
  const { cert, key, ca } = tls
  return {
    ...tls,
    ...(cert !== undefined && { cert: path(cert) }),
    ...(key !== undefined && { key: path(key) }),
    ...(ca !== undefined && { ca: path(ca) }),
  }
}

/**
 * Reads the text of a configuration file.
 *
 * @throws ConfigError if the file cannot be read, is larger than 1 MiB or is not UTF-8
 */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readTextFile(file)
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error
    throw new ConfigError(file, [{ line: 1, column: 1, message: error.message }])
  }
}

/**
 * Reads the text of a configuration file or of a keys file.
 *
 * @param options `onlyFiles` rejects pipes and devices, which cannot be read twice
 * @throws UnreadableFileError, including for a file that is larger than 1 MiB or not UTF-8
 */
export async function readTextFile(file: string, options?: { readonly onlyFiles: boolean }): Promise<string> {
  const bytes = await readBounded(file, { ...options, maxBytes: MAX_CONFIG_LENGTH }).catch((error) => {
    if (error.code !== 'EFBIG') throw error
    throw new UnreadableFileError('the file is larger than 1 MiB', 'EFBIG')
  })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UnreadableFileError('the file is not UTF-8 text', 'EILSEQ')
  }
}
