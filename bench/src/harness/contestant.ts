import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Contender } from './bench.js'

/** What a contender's process says. */
export type Told = { readonly ready: true } | { readonly figure: number } | { readonly cannotRun: string }

/** A contender as the race sees it: what it measured so far, or why it does not run. */
export class Contestant {
  readonly figures: number[] = []
  cannotRun: string | undefined
  readonly #process: ChildProcess

  /** @param place the bench's file, and the places of the case and the contender in it */
  constructor(
    readonly contender: Pick<Contender, 'name' | 'role'>,
    place: readonly [file: string, caseIndex: number, contenderIndex: number],
  ) {
    this.#process = fork(
      fileURLToPath(new URL('./contender-process.js', import.meta.url)),
      place.map(String),
      { execArgv: ['--expose-gc', '--max-old-space-size=8192'], stdio: ['ignore', 2, 2, 'ipc'] },
    )
  }

  /** Waits until it is ready, or cannot run. */
  async ready(): Promise<void> {
    await this.#answer()
  }

  /** Measures once. */
  async measure(): Promise<number | undefined> {
    if (this.cannotRun !== undefined) return undefined
    this.#process.send('measure')
    const told = await this.#answer()
    return 'figure' in told ? told.figure : undefined
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exited = once(this.#process, 'exit')
    // It may just have ended by itself.
    this.#process.send('stop', () => {})
    await exited
  }

  async #answer(): Promise<Told> {
    const ended = new AbortController()
    const { signal } = ended
    const told = await Promise.race([
      once(this.#process, 'message', { signal }).then(([message]) => message as Told),
      once(this.#process, 'exit', { signal }).then(
        ([code]): Told => ({ cannotRun: `its process ended with ${code}` }),
      ),
    ]).finally(() => ended.abort())
    if ('cannotRun' in told) this.cannotRun = told.cannotRun
    return told
  }
}
