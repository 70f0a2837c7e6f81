import type { Timers } from 'sluice'
import { type ServerLoad, systemTimers, type WatchLoad } from 'sluice/internal'
import { shownUrl } from '../../policy/config/shown-url.js'
import type { HeaderPair } from '../http/proxy-headers.js'
import type { Log } from '../logging/log.js'
import { MAX_PAGE_BYTES, parseServerLoad, WAITING_METRICS } from './model-server-load.js'
import { createUpstream, type Upstream, type UpstreamTlsOptions } from './upstream.js'

export interface ServerPollOptions {
  readonly onLoad: (load: ServerLoad) => void
  /** Called for each poll that fails, with the reason. */
  readonly onFailure: (reason: string) => void
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly timers: Pick<Timers, 'start' | 'stop'>
  readonly headers?: readonly HeaderPair[]
  readonly tls?: UpstreamTlsOptions | undefined
}

export interface ServerPoll {
  /** Ends the poll in progress, whose result is ignored. Resolves when its connection is closed. */
  stop(): Promise<void>
}

/** From the end of a poll to the next one. */
const PAUSE_MS = 1_000
/** Maximum duration of a poll. */
const TIMEOUT_MS = 1_000
/** Consecutive failures that are logged. Then the last load has expired. */
const MAX_FAILURES = 3
/** Maximum number of bytes that are read from an error. */
const MAX_ERROR_BYTES = 65_536

/**
 * Reads the load of a model server from its metrics, about once per second. Redirects are not
 * followed. A server that fails repeatedly is logged once, and once when it works again.
 *
 * @param url the page of metrics, http or https
 * @throws TypeError for an invalid URL
 */
export function pollServerLoad(url: string, options: ServerPollOptions): ServerPoll {
  const { onLoad, onFailure, log, timers, headers = [], tls } = options
  const { origin, pathname, search } = new URL(url)
  const server = createUpstream(origin, { connect: TIMEOUT_MS, headers: 0, idle: 0 }, tls)
  const request = {
    path: pathname + search,
    headers: { accept: 'text/plain', ...Object.fromEntries(headers) },
  }
  let attempt = new AbortController()
  let isStopped = false
  let failures = 0
  let next: unknown

  const poll = async () => {
    attempt = new AbortController()
    const onTimeout = () => attempt.abort(new Error(`no response within ${TIMEOUT_MS} ms`))
    const timeout = timers.start(onTimeout, TIMEOUT_MS, true)
    const load = await readLoad(server, { ...request, signal: attempt.signal })
    timers.stop(timeout)
    if (isStopped) return
    next = timers.start(() => void poll(), PAUSE_MS, true)
    if (load instanceof Error) onFailed(load.message)
    else onRead(load)
  }

  const onRead = (load: ServerLoad) => {
    if (failures >= MAX_FAILURES)
      log.info({ url: shownUrl(url) }, 'the metrics of a model server can be read again')
    failures = 0
    onLoad(load)
  }

  const onFailed = (reason: string) => {
    if (++failures === MAX_FAILURES)
      log.warn(
        { url: shownUrl(url), reason },
        'the metrics of a model server cannot be read; ignoring its load',
      )
    onFailure(reason)
  }

  void poll()
  return {
    stop() {
      isStopped = true
      attempt.abort()
      timers.stop(next)
      return server.destroy()
    },
  }
}

interface PageRequest {
  readonly path: string
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
}

/** Reads the page of metrics. Never rejects. */
async function readLoad(server: Upstream, request: PageRequest): Promise<ServerLoad | Error> {
  try {
    const { statusCode, body } = await server.dispatcher.request({ method: 'GET', ...request })
    if (statusCode !== 200) {
      await body.dump({ limit: MAX_ERROR_BYTES, signal: request.signal })
      const isRedirect = statusCode >= 300 && statusCode < 400
      return new Error(`status ${statusCode}${isRedirect ? '; redirects are not followed' : ''}`)
    }
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > MAX_PAGE_BYTES) return new Error('the page is larger than 4 MiB')
      chunks.push(chunk)
    }
    const load = parseServerLoad(Buffer.concat(chunks).toString('utf8'))
    return load ?? new Error(`the page has none of ${WAITING_METRICS.join(', ')}`)
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string }
    // A host with several addresses, none of which responds, has only a code.
    return message === '' && code !== undefined ? new Error(code) : (error as Error)
  }
}

/** Returns how hand-over windows learn the load of servers. It is unknown after a poll that fails. */
export function watchServerLoad(log: ServerPollOptions['log']): WatchLoad {
  return (url, onLoad) => {
    const poll = pollServerLoad(url, {
      ...{ onLoad, log, timers: systemTimers },
      onFailure: () => onLoad(undefined),
    })
    return () => void poll.stop()
  }
}
