import { readFileSync } from 'node:fs'

/** A second signal within this time of the first, in milliseconds, is the same one: npm passes on what a terminal has sent already. */
const SAME_SIGNAL_MS = 1000

/** How often it is checked whether the parent process has ended, in milliseconds. */
const PARENT_INTERVAL_MS = 500

/**
 * Settles with the reason to stop: SIGTERM, SIGINT, or the end of npm or of the shell in which npm started this process. npm's
 * signals end the shell without being passed on, and a SIGKILL of npm leaves the shell behind. After that, another signal ends
 * the process at once.
 */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let stoppedAt: number | undefined
    const onSignal = (signal: string) => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now()
        resolve(signal)
      } else if (performance.now() - stoppedAt > SAME_SIGNAL_MS) process.exit(1)
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
    onParentEnd(() => {
      if (stoppedAt === undefined) onSignal('end of the parent process')
    })
  })
}

/** Calls back once npm, or the shell in which npm started this process, has ended. Never where npm did not start it. */
export function onParentEnd(ended: () => void): void {
  if (process.env.npm_config_user_agent === undefined) return
  const parent = process.ppid
  const npm = npmAbove(parent)
  const watch = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || parentOf(parent) === npm)) return
    clearInterval(watch)
    ended()
  }, PARENT_INTERVAL_MS).unref()
}

/** The npm process that started a shell; undefined where something else did, or the system has no /proc. */
function npmAbove(shell: number): number | undefined {
  const parent = parentOf(shell)
  return parent !== undefined && statOf(parent)?.name.startsWith('npm') ? parent : undefined
}

function parentOf(pid: number): number | undefined {
  return statOf(pid)?.parent
}

function statOf(pid: number): { readonly name: string; readonly parent: number } | undefined {
  try {
    // The name stands in parentheses and may hold some itself.
    const [, name = '', parent] = /\((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return { name, parent: Number(parent) }
  } catch {
    return undefined
  }
}
