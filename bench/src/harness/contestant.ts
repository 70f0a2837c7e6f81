import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Contender, Measured } from './bench.js'

/** A message from the process of a contender. */
export type ContenderMessage =
  | { readonly ready: true }
  | { readonly measured: Measured }
  | { readonly cannotRun: string }

/** A contender in a race, with its figures so far or the reason why it cannot run. */
export class Contestant {
  /** One list per round, with a figure for each table. */
  readonly rounds: (readonly number[])[] = []
  cannotRun: string | undefined
  readonly #process: ChildProcess

  /** @param location the benchmark file, and the indexes of the case and the contender in it */
  constructor(
    readonly contender: Pick<Contender, 'name' | 'role'>,
    location: readonly [file: string, caseIndex: number, contenderIndex: number],
  ) {
    this.#process = fork(
      fileURLToPath(new URL('./contender-process.js', import.meta.url)),
      location.map(String),
      { execArgv: ['--expose-gc', '--max-old-space-size=8192'], stdio: ['ignore', 2, 2, 'ipc'] },
    )
  }

  /** Waits until the contender is ready or reports that it cannot run. */
  async ready(): Promise<void> {
    await this.#nextMessage()
  }

  /** Runs one measurement and returns its figures; undefined if the contender cannot run. */
  async measure(): Promise<readonly number[] | undefined> {
    if (this.cannotRun !== undefined) return undefined
    this.#process.send('measure')
    const message = await this.#nextMessage()
    return 'measured' in message ? [message.measured].flat() : undefined
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    // The process may just have exited, so a failure to send is ignored.
    this.#process.send('stop', () => {})
    await exited
  }

  async #nextMessage(): Promise<ContenderMessage> {
    const ended = new AbortController()
    const { signal } = ended
    const message = await Promise.race([
      once(this.#process, 'message', { signal }).then(([received]) => received as ContenderMessage),
      once(this.#process, 'exit', { signal }).then(
        ([code]): ContenderMessage => ({ cannotRun: `the process exited with code ${code}` }),
      ),
    ]).finally(() => ended.abort())
    if ('cannotRun' in message) this.cannotRun = message.cannotRun
    return message
  }
}
