import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const run = promisify(execFile)

/** A certificate and its key, in PEM. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** Creates a folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-tls-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Creates an authority that signs certificates. */
export function createAuthority(name: string): Promise<Pair> {
  return inFolder(async (path) => {
    const output = ['-keyout', path('key'), '-out', path('cert')]
    await run('openssl', ['req', '-x509', ...KEY, ...output, '-days', '2', '-subj', `/CN=${name}`])
    return pairIn(path)
  })
}

/**
 * Creates a certificate for a server or a client.
 *
 * @param names the DNS names and IP addresses, as in `IP:127.0.0.1`
 */
export function issue(authority: Pair, subject: string, names = 'IP:127.0.0.1'): Promise<Pair> {
  return inFolder(async (path) => {
    await writeFile(path('ca.crt'), authority.cert)
    await writeFile(path('ca.key'), authority.key)
    await writeFile(path('extensions'), `subjectAltName=${names}`)
    const request = ['-keyout', path('key'), '-out', path('request'), '-subj', `/CN=${subject}`]
    await run('openssl', ['req', '-new', ...KEY, ...request])
    await run('openssl', [
      ...['x509', '-req', '-in', path('request'), '-CA', path('ca.crt'), '-CAkey', path('ca.key')],
      ...['-CAcreateserial', '-days', '2', '-out', path('cert'), '-extfile', path('extensions')],
    ])
    return pairIn(path)
  })
}

async function pairIn(path: (name: string) => string): Promise<Pair> {
  return { cert: await readFile(path('cert'), 'utf8'), key: await readFile(path('key'), 'utf8') }
}

/** Calls a function with a temporary folder. */
async function inFolder<T>(use: (path: (name: string) => string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-certificates-'))
  try {
    return await use((name) => join(folder, name))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A folder of files that are replaced together by swapping a symlink, as Kubernetes does. */
export class SecretVolume {
  #version = 0

  private constructor(readonly folder: string) {}

  static async create(files: Readonly<Record<string, string>>): Promise<SecretVolume> {
    const volume = new SecretVolume(await temporaryFolder())
    await volume.replace(files)
    for (const name of Object.keys(files)) await symlink(join('..data', name), volume.path(name))
    return volume
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  async replace(files: Readonly<Record<string, string>>): Promise<void> {
    const version = `..version-${this.#version++}`
    await mkdir(this.path(version))
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.path(version), name), text)
    await symlink(version, this.path('..data_new'))
    await rename(this.path('..data_new'), this.path('..data'))
  }
}
