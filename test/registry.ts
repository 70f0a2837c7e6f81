import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { create } from 'tar'

/** The parts of a `package.json` that the registry needs. */
interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies?: Readonly<Record<string, string>>
}

interface InstalledPackage {
  readonly manifest: Manifest
  readonly folder: string
}

/** A registry of npm packages on loopback. */
export interface Registry {
  readonly url: string
  close(): Promise<void>
}

/**
 * Serves packages and all of their dependencies, as the npm registry does. Packages without a
 * tarball are packed from the folder in which they are installed.
 *
 * @param roots folders of the packages
 * @param tarballs paths of tarballs, by the name of the package
 * @throws Error if a dependency is not installed
 */
export async function startRegistry(
  roots: readonly string[],
  tarballs: ReadonlyMap<string, string>,
): Promise<Registry> {
  const packages = installedPackages(roots)
  const packed = new Map<string, Promise<Buffer>>()
  const tarballOf = (file: string, { manifest, folder }: InstalledPackage): Promise<Buffer> => {
    const path = tarballs.get(manifest.name)
    const bytes = packed.get(file) ?? (path ? Promise.resolve(readFileSync(path)) : pack(folder))
    packed.set(file, bytes)
    return bytes
  }
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://registry').pathname).slice(1)
    const [name = '', file] = path.split('/-/')
    const versions = packages.get(name)
    if (versions === undefined) {
      response.writeHead(404).end('{}')
      return
    }
    if (file !== undefined) {
      const requested = [...versions.values()].find(({ manifest }) => fileName(manifest) === file)
      if (requested === undefined) response.writeHead(404).end()
      else response.end(await tarballOf(`${name}/${file}`, requested))
      return
    }
    const { port } = server.address() as AddressInfo
    const described = await Promise.all(
      [...versions.values()].map(async (version) => {
        const { manifest } = version
        const bytes = await tarballOf(`${name}/${fileName(manifest)}`, version)
        const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
        const tarball = `http://127.0.0.1:${port}/${name}/-/${fileName(manifest)}`
        return [manifest.version, { ...manifest, dist: { tarball, integrity } }] as const
      }),
    )
    const latest = described.map(([version]) => version).at(-1)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(described) }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const fileName = ({ name, version }: Manifest) => `${name.split('/').at(-1)}-${version}.tgz`

function installedPackages(roots: readonly string[]): Map<string, Map<string, InstalledPackage>> {
  const found = new Map<string, Map<string, InstalledPackage>>()
  const pending = [...roots]
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    const versions = found.get(manifest.name) ?? new Map<string, InstalledPackage>()
    if (versions.has(manifest.version)) continue
    versions.set(manifest.version, { manifest, folder })
    found.set(manifest.name, versions)
    for (const name of Object.keys(manifest.dependencies ?? {})) pending.push(resolveFolder(name, folder))
  }
  return found
}

/** Returns the folder to which Node resolves a dependency. */
function resolveFolder(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(candidate)) return realpathSync(candidate)
    if (folder === dirname(folder))
      throw new Error(`${from} depends on ${name}, which is not installed; run npm ci`)
  }
}

async function pack(folder: string): Promise<Buffer> {
  const stream = create(
    { gzip: true, cwd: folder, prefix: 'package', filter: (path) => !path.startsWith('./node_modules') },
    ['.'],
  )
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
