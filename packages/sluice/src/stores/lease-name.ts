import { randomUUID } from 'node:crypto'

const PROCESS = randomUUID()
let leases = 0

/** Returns a lease name that is unique across processes. */
export function nextLease(): string {
  leases++
  return leaseName(-leases)
}

/**
 * Returns the name of a lease that this process identifies by a number: a positive one from the
 * memory store, a negative one from `nextLease`.
 */
export function leaseName(id: number): string {
  return `${PROCESS}${id < 0 ? '' : '+'}${id.toString(36)}`
}

/** Returns the number of a lease of this process; undefined for a lease of another process. */
export function leaseId(name: string): number | undefined {
  return name.startsWith(PROCESS) ? Number.parseInt(name.slice(PROCESS.length), 36) : undefined
}
