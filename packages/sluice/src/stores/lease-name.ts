import { randomUUID } from 'node:crypto'

const PROCESS = randomUUID()
let leases = 0

/** Returns a lease name that is unique across processes. */
export function nextLease(): string {
  leases++
  return `${PROCESS}-${leases.toString(36)}`
}

/** Returns the name of a lease that a store in this process identifies by a number. */
export function leaseName(id: number): string {
  return `${PROCESS}:${id.toString(36)}`
}

/** Returns the number of a lease named by `leaseName`; undefined for any other name. */
export function leaseId(name: string): number | undefined {
  return name.startsWith(PROCESS) && name[PROCESS.length] === ':'
    ? Number.parseInt(name.slice(PROCESS.length + 1), 36)
    : undefined
}
