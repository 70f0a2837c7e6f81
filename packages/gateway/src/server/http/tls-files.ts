import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { TlsFiles } from '../../policy/config/config.js'
import { UnreadableFileError } from '../../policy/config/files/bounded-read.js'
import { FileWatch } from '../../policy/config/files/file-watch.js'
import { ConfigError, readConfigFile, readTextFile } from '../../policy/config/load-config.js'
import type { Log } from '../logging/log.js'

/** The contents of TLS files, which belong together. Never logged. */
export interface TlsMaterial {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

/** The contents of TLS files that are watched for changes. */
export interface TlsWatch {
  readonly material: TlsMaterial
  stop(): void
}

const MIN_VERSION = 'TLSv1.2'

/** Returns the options of TLS connections. */
export function secureOptions(material: TlsMaterial): SecureContextOptions {
  return { ...material, minVersion: MIN_VERSION }
}

/** Reads and checks TLS files. @throws ConfigError that names the file and the problem */
export async function loadTls(files: TlsFiles): Promise<TlsMaterial> {
  const contents = await Promise.all(
    filesOf(files).map(async ([name, file]) => [name, await readConfigFile(file)] as const),
  )
  const material: TlsMaterial = Object.fromEntries(contents)
  checkMaterial(files, material)
  return material
}

/**
 * Reads TLS files and reloads them whenever one of them changes. Files that cannot be used, such as
 * a key that does not belong to its certificate, are logged once and the previous ones are kept.
 *
 * @param onReload called after each reload
 * @throws ConfigError if the files cannot be used initially
 */
export async function watchTls(files: TlsFiles, log: Log, onReload: () => void): Promise<TlsWatch> {
  let material = await loadTls(files)
  const [first, ...others] = filesOf(files)
  if (first === undefined) return { material, stop() {} }
  const paths = Object.fromEntries(filesOf(files))
  const reject = (file: string, message: string) =>
    log.error({ file, problems: [{ message }] }, 'TLS files rejected; keeping the previous ones')
  const watch = new FileWatch({
    file: first[1],
    otherFiles: others.map(([, file]) => file),
    text: JSON.stringify(material),
    async read(_, options) {
      const contents = await Promise.all(
        filesOf(files).map(async ([name, file]) => [name, await readNamed(file, options)] as const),
      )
      return JSON.stringify(Object.fromEntries(contents))
    },
    async onChange(text) {
      try {
        const next: TlsMaterial = JSON.parse(text)
        checkMaterial(files, next)
        material = next
        log.info(paths, 'TLS files reloaded')
        onReload()
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        reject(error.file, error.problems[0]?.message ?? '')
      }
      return 'done'
    },
    onUnreadable: (reason) => reject(first[1], reason),
    onReadable: () => log.info(paths, 'TLS files are readable again'),
  })
  return {
    get material() {
      return material
    },
    stop: () => watch.stop(),
  }
}

/** Lists the files in a fixed order, by the name of their content. */
function filesOf({ cert, key, ca }: TlsFiles): (readonly [keyof TlsMaterial, string])[] {
  const files = [
    ['cert', cert],
    ['key', key],
    ['ca', ca],
  ] as const
  return files.flatMap(([name, file]) => (file === undefined ? [] : [[name, file] as const]))
}

/** Reads a file. @throws UnreadableFileError that names the file */
async function readNamed(file: string, options: { readonly onlyFiles: boolean }): Promise<string> {
  return readTextFile(file, options).catch((error: UnreadableFileError) => {
    throw new UnreadableFileError(`${file}: ${error.message}`, error.code)
  })
}

/** @throws ConfigError that names the file and the problem; never its content */
function checkMaterial(files: TlsFiles, { cert, key, ca }: TlsMaterial): void {
  if (ca !== undefined) parseCertificates(files.ca as string, ca)
  if (cert === undefined || key === undefined) return
  const [leaf] = parseCertificates(files.cert as string, cert)
  const privateKey = parseKey(files.key as string, key)
  if (leaf?.checkPrivateKey(privateKey) !== true)
    throw problemIn(
      files.key,
      `the key does not belong to the first certificate in ${files.cert}; write both files together`,
    )
  try {
    createSecureContext(secureOptions({ cert, key }))
  } catch (error) {
    throw problemIn(files.cert, `OpenSSL rejects the certificate: ${(error as Error).message}`)
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

function parseCertificates(file: string, text: string): X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0)
    throw problemIn(file, 'the file contains no certificate that begins with -----BEGIN CERTIFICATE-----')
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch {
      throw problemIn(file, `certificate ${index + 1} of ${blocks.length} cannot be parsed`)
    }
  })
}

function parseKey(file: string, text: string): KeyObject {
  if (/^-----BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED/m.test(text))
    throw problemIn(file, 'the key is encrypted; write it without a passphrase')
  try {
    return createPrivateKey(text)
  } catch {
    throw problemIn(file, 'the file contains no private key that begins with -----BEGIN PRIVATE KEY-----')
  }
}

function problemIn(file: string | undefined, message: string): ConfigError {
  return new ConfigError(file ?? '', [{ line: 1, column: 1, message }])
}
