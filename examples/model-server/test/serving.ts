import { type Models, QUICK_PLAN, trainModels } from '../src/models.js'
import { type ModelServer, type ModelServerOptions, startModelServer } from '../src/server.js'
import { runToCompletion } from '../src/slices.js'

/** Trains models that are better than chance, in a fraction of a second. */
export function quickModels(): Models {
  return runToCompletion(trainModels(QUICK_PLAN))
}

/** A server on a free port, with functions to call it. */
export interface TestServer extends AsyncDisposable {
  readonly server: ModelServer
  readonly url: string
  post(path: string, body: unknown, signal?: AbortSignal): Promise<Response>
  /** Sends a POST request. Returns the status and the body. */
  postJson(path: string, body: unknown): Promise<{ status: number; body: unknown }>
}

export async function serve(options: Partial<ModelServerOptions>): Promise<TestServer> {
  const server = await startModelServer({ port: 0, tokenInterval: 0, grace: 0, ...options })
  const url = `http://127.0.0.1:${server.port}`
  const post = (path: string, body: unknown, signal?: AbortSignal) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal ? { signal } : {}),
    })
  return {
    server,
    url,
    post,
    async postJson(path, body) {
      const response = await post(path, body)
      return { status: response.status, body: await response.json() }
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** Waits until a condition holds. The timeout of the test bounds the wait. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5))
}
