import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const EXAMPLES = fileURLToPath(new URL('../../..', import.meta.url))

export interface RunningExample extends AsyncDisposable {
  readonly url: string
  /** Returns the output so far. */
  output(): string
}

/** Starts an example and waits until it listens, on a free port unless `PORT` is set. */
export async function startExample(
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningExample> {
  const child = spawn(process.execPath, [`${EXAMPLES}/${name}/dist/main.js`], {
    env: { ...process.env, PORT: '0', ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'close')
  const url = () => /listen(?:ing)? on (http[^\s,]+)[\s,]/.exec(output)?.[1]
  while (url() === undefined) {
    if (child.exitCode !== null) throw new Error(`examples/${name} exited:\n${output}`)
    await Promise.race([ended, once(child.stdout, 'data')])
  }
  return {
    url: url() as string,
    output: () => output,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

export interface CurlOptions {
  /** A JSON body, sent by POST. */
  readonly body?: string
  /** Header lines such as `X-API-Key: …`. */
  readonly headers?: readonly string[]
}

/** Sends requests in sequence with a shell loop over curl. Returns the status of each response. */
export async function curlLoop(times: number, url: string, options: CurlOptions = {}): Promise<number[]> {
  const { body, headers = [] } = options
  const posted = body === undefined ? [] : ['-H', 'content-type: application/json', '-d', body]
  const flags = [...headers.flatMap((header) => ['-H', header]), ...posted]
  const loop = `for i in $(seq 1 ${times}); do curl -s -o /dev/null -w '%{http_code}\\n' "$@"; done`
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', loop, 'bash', url, ...flags])
  return stdout.trim().split('\n').map(Number)
}

/** Expands counts: `statuses([200, 10], [429, 1])` is ten times 200, then once 429. */
export function statuses(...parts: readonly (readonly [status: number, times: number])[]): number[] {
  return parts.flatMap(([status, times]) => Array<number>(times).fill(status))
}
