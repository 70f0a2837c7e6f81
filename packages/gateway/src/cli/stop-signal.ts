import { readFileSync } from 'node:fs'
import { exitProcess } from '../server/logging/exit-process.js'

/** Signals within this time count as one: npm forwards signals that the terminal already sent. */
const SAME_SIGNAL_MS = 1000

/** Interval at which the process checks whether its parent is still running. */
const PARENT_INTERVAL_MS = 500

/**
 * Resolves with the reason to stop: SIGTERM, SIGINT, or the exit of npm or of its shell. A signal
 * to npm ends the shell without reaching this process, and a SIGKILL to npm leaves the shell
 * running. A second signal exits the process immediately.
 */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined
    const onSignal = (signal: string) => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now()
        resolve(signal)
      } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) void exitProcess(1)
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
    onParentEnd(() => {
      if (stoppedAt === undefined) onSignal('parent process exited')
    })
  })
}

/**
 * Calls `onEnd` once npm, or the shell in which npm started this process, has exited. Does nothing
 * if this process was not started by npm.
 */
export function onParentEnd(onEnd: () => void): void {
  if (process.env.npm_config_user_agent === undefined) return
  const parent = process.ppid
  const npm = npmAbove(parent)
  const watch = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || parentOf(parent) === npm)) return
    clearInterval(watch)
    onEnd()
  }, PARENT_INTERVAL_MS).unref()
}

/**
 * Returns the npm process that started a shell; undefined if another program did, or if the system
 * has no /proc.
 */
function npmAbove(shell: number): number | undefined {
  const parent = parentOf(shell)
  return parent !== undefined && statOf(parent)?.name.startsWith('npm') ? parent : undefined
}

function parentOf(pid: number): number | undefined {
  return statOf(pid)?.parent
}

function statOf(pid: number): { readonly name: string; readonly parent: number } | undefined {
  try {
    // The name is in parentheses and may itself contain parentheses.
    const [, name = '', parent] = /\((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return { name, parent: Number(parent) }
  } catch {
    return undefined
  }
}
