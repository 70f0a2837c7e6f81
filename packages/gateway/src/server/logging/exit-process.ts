import { setTimeout as delay } from 'node:timers/promises'

/** Maximum time for calls in threads to end, in milliseconds. */
const TIMEOUT_MS = 500
const INTERVAL_MS = 10

/** The names that Node gives to calls which may hang in a thread: of files, and of name servers. */
const IN_THREAD = /^(FSReq|FileHandleClose|GetAddrInfo|GetNameInfo)/i

/**
 * Exits, even if a file system or a name server hangs.
 *
 * `process.exit` waits for the threads of Node's pool, so a thread that hangs would keep the process
 * alive. Such a process ends by a signal instead: SIGTERM for the code 0, which supervisors accept
 * from a process that they stop, otherwise SIGKILL. Linux ignores both from the first process of a
 * container, which then runs until the container runtime kills it.
 */
export async function exitProcess(code: number): Promise<never> {
  for (let waitedMs = 0; isThreadInUse() && waitedMs < TIMEOUT_MS; waitedMs += INTERVAL_MS)
    await delay(INTERVAL_MS)
  if (isThreadInUse()) {
    // Without listeners, the signal has its default effect.
    process.removeAllListeners('SIGTERM')
    process.kill(process.pid, code === 0 ? 'SIGTERM' : 'SIGKILL')
  }
  process.exit(code)
}

function isThreadInUse(): boolean {
  return process.getActiveResourcesInfo().some((name) => IN_THREAD.test(name))
}
