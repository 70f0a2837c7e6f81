import { request } from 'undici'
import { shownUrl } from '../../policy/config/shown-url.js'
import type { Log } from '../logging/log.js'
import { parseServerLoad, type ServerLoad } from './server-load.js'

const INTERVAL_MS = 1_000
/** A load that is older than this says nothing about the next decisions. */
const TIMEOUT_MS = 1_000
const MAX_BYTES = 1_048_576

/**
 * Reads the metrics of model servers every second. A server that does not respond, or responds with
 * something else, is logged once until it responds again; nothing else happens, so no request is
 * refused because metrics are missing.
 */
export class ServerLoadPolls {
  readonly #timers: NodeJS.Timeout[] = []
  readonly #stopped = new AbortController()

  constructor(private readonly log: Log) {}

  /** @param onLoad receives each load that was read */
  start(url: string, onLoad: (load: ServerLoad) => void): void {
    let isRunning = false
    let hasFailed = false
    const poll = async () => {
      if (isRunning) return
      isRunning = true
      try {
        const load = await this.#read(url)
        if (this.#stopped.signal.aborted) return
        onLoad(load)
        if (hasFailed) this.log.info({ url: shownUrl(url) }, 'metrics of the model server are read again')
        hasFailed = false
      } catch (error) {
        if (!hasFailed && !this.#stopped.signal.aborted)
          this.log.warn(
            { url: shownUrl(url), reason: (error as Error).message },
            'cannot read the metrics of the model server; deciding without them',
          )
        hasFailed = true
      } finally {
        isRunning = false
      }
    }
    this.#timers.push(setInterval(() => void poll(), INTERVAL_MS).unref())
    void poll()
  }

  /** Ends all polls. Their results are ignored. */
  stop(): void {
    this.#stopped.abort()
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #read(url: string): Promise<ServerLoad> {
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#stopped.signal])
    const { statusCode, body } = await request(url, { signal })
    if (statusCode !== 200) {
      await body.dump({ limit: MAX_BYTES, signal })
      throw new Error(`it responded with status ${statusCode}`)
    }
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of body) {
      length += chunk.length
      if (length > MAX_BYTES) throw new Error('its response is larger than 1 MiB')
      chunks.push(chunk)
    }
    const load = parseServerLoad(Buffer.concat(chunks).toString('utf8'))
    if (load === undefined)
      throw new Error('it reports no metric of vLLM, SGLang, TensorRT-LLM, TGI or llama.cpp')
    return load
  }
}
