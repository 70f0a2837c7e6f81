import { isDeepStrictEqual } from 'node:util'
import type { MaybePromise } from 'sluice'
import type { GatewayConfig, TlsFiles } from '../../policy/config/config.js'
import type { TlsMaterial, TlsWatch } from '../http/tls-files.js'

/** The connections for which TLS files are used: those from clients or to an upstream. */
export type TlsPurpose = 'listen' | 'upstream' | `upstreams.${string}`

interface OpenedFiles {
  readonly files: TlsFiles
  readonly watch: TlsWatch
}

/** The TLS files of all upstreams. */
export class UpstreamTlsFiles {
  readonly #opened = new Map<TlsPurpose, OpenedFiles>()

  /**
   * Opens the files of a configuration.
   *
   * @param previous the files of the previous configuration, of which unchanged ones are kept
   * @throws ConfigError (as a rejection) if files cannot be used
   */
  static async open(
    config: Pick<GatewayConfig, 'upstreamTls' | 'upstreams'>,
    openTls: (purpose: TlsPurpose, files: TlsFiles) => MaybePromise<TlsWatch>,
    previous?: UpstreamTlsFiles,
  ): Promise<UpstreamTlsFiles> {
    const opened = new UpstreamTlsFiles()
    try {
      for (const [purpose, files] of filesOf(config)) {
        const known = previous?.get(purpose)
        const isKept = known !== undefined && isDeepStrictEqual(known.files, files)
        opened.#opened.set(purpose, isKept ? known : { files, watch: await openTls(purpose, files) })
      }
    } catch (error) {
      opened.stopExcept(previous)
      throw error
    }
    return opened
  }

  get(purpose: TlsPurpose): OpenedFiles | undefined {
    return this.#opened.get(purpose)
  }

  /** The contents of the files, by their purpose. */
  get materials(): Readonly<Record<string, TlsMaterial>> {
    return Object.fromEntries([...this.#opened].map(([purpose, { watch }]) => [purpose, watch.material]))
  }

  /** Stops watching the files that another configuration does not use. */
  stopExcept(other: UpstreamTlsFiles | undefined): void {
    for (const [purpose, { watch }] of this.#opened) if (other?.get(purpose)?.watch !== watch) watch.stop()
  }
}

function filesOf({
  upstreamTls,
  upstreams = {},
}: Pick<GatewayConfig, 'upstreamTls' | 'upstreams'>): (readonly [TlsPurpose, TlsFiles])[] {
  return [
    ...(upstreamTls === undefined ? [] : [['upstream', upstreamTls] as const]),
    ...Object.entries(upstreams).flatMap(([name, { tls }]) =>
      tls === undefined ? [] : [[`upstreams.${name}`, tls] as const],
    ),
  ]
}
