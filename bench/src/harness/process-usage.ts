import { readFileSync } from 'node:fs'
import { CannotRun } from './bench.js'

/** Linux counts processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100

/** Returns the processor time that a process has used so far, in seconds. */
export function processorTime(pid: number): number {
  const stat = readProc(`${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Returns the resident memory of a process and its children, in bytes. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1]
  const children = readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  return children.reduce((sum, child) => sum + residentBytes(Number(child)), Number(kibibytes) * 1024)
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'latin1')
  } catch {
    throw new CannotRun('the server exited, or the system has no /proc')
  }
}
