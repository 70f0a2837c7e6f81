import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url))

/** Runs the CLI as an operator would, and kills it at the end of the test. */
export function sluice(...args: string[]) {
  return sluiceWith({}, ...args)
}

/**
 * Runs the CLI as {@link sluice} does.
 *
 * @param env environment variables in addition to those of the tests
 */
export function sluiceWith(env: Readonly<Record<string, string>>, ...args: string[]) {
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, ...env },
  })
  const output = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.err += text
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, output, ended: once(child, 'close') as Promise<[number | null]> }
}
