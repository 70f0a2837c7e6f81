import type { LoggedRequest } from './served-log.js'

const WINDOWS = 20
/** In a shorter window, the service of a tenant depends on single requests. */
const MIN_WINDOW_MS = 10_000

interface Window {
  readonly from: number
  readonly to: number
  /** By tenant. */
  readonly served: Map<string, number>
  /** The service of requests that arrived before the end of the window and had not begun by then. */
  readonly waiting: Map<string, number>
  /** Tenants with a request that had not begun when the window began. */
  readonly waitedBefore: Set<string>
}

/**
 * Computes how evenly the service is shared between the tenants that wait: Jain's index over the
 * service of each, divided by its max-min fair share. 1 is fair; 1/n is reached if one of n tenants
 * gets everything. It is the mean over 20 windows, or fewer of 10 s. A tenant waits in a window if
 * it has requests that have not begun at its start and at its end.
 *
 * @returns undefined if there is no window in which two tenants wait
 */
export function shareFairness(
  requests: Iterable<LoggedRequest>,
  from: number,
  to: number,
): number | undefined {
  const width = Math.max(MIN_WINDOW_MS, (to - from) / WINDOWS)
  const windows = Array.from({ length: Math.floor((to - from) / width) }, (_, index): Window => {
    const [start, end] = [from + index * width, from + (index + 1) * width]
    const counts = { served: new Map(), waiting: new Map(), waitedBefore: new Set<string>() }
    return { from: start, to: end, ...counts }
  })
  for (const request of requests) for (const window of windows) addTo(window, request)
  const indexes = windows.map(indexOf).filter((index) => index !== undefined)
  if (indexes.length === 0) return undefined
  return indexes.reduce((sum, index) => sum + index, 0) / indexes.length
}

function addTo({ from, to, served, waiting, waitedBefore }: Window, request: LoggedRequest): void {
  const { tenant, arrivedAt, decidedAt, sentAt, beganAt, endedAt, service } = request
  const waitedUntil = beganAt ?? (sentAt === undefined ? decidedAt : endedAt) ?? Number.POSITIVE_INFINITY
  if (arrivedAt < from && waitedUntil > from) waitedBefore.add(tenant)
  if (arrivedAt < to && waitedUntil > to) waiting.set(tenant, (waiting.get(tenant) ?? 0) + service)
  if (beganAt === undefined || endedAt === undefined) return
  const overlap = Math.min(to, endedAt) - Math.max(from, beganAt)
  const part = endedAt === beganAt ? Number(from <= beganAt && beganAt < to) : overlap / (endedAt - beganAt)
  if (part > 0) served.set(tenant, (served.get(tenant) ?? 0) + service * part)
}

function indexOf({ served, waiting, waitedBefore }: Window): number | undefined {
  const tenants = [...new Set([...served.keys(), ...waiting.keys()])]
  const demands = tenants.map((tenant) => (served.get(tenant) ?? 0) + (waiting.get(tenant) ?? 0))
  const shares = maxMinShares(
    [...served.values()].reduce((sum, service) => sum + service, 0),
    demands,
  )
  const ratios = tenants.flatMap((tenant, index) => {
    const share = shares[index] as number
    const isWaiting = waitedBefore.has(tenant) && waiting.has(tenant) && share > 0
    return isWaiting ? [(served.get(tenant) ?? 0) / share] : []
  })
  return ratios.length < 2 ? undefined : jainIndex(ratios)
}

/** Divides a capacity so that no tenant gets more than it demands, and the least is as much as possible. */
export function maxMinShares(capacity: number, demands: readonly number[]): number[] {
  const shares = demands.map(() => 0)
  const order = [...demands.keys()].sort((a, b) => (demands[a] as number) - (demands[b] as number))
  let left = capacity
  for (const [index, tenant] of order.entries()) {
    const share = Math.min(demands[tenant] as number, left / (order.length - index))
    shares[tenant] = share
    left -= share
  }
  return shares
}

/** Jain, Chiu, Hawe: "A quantitative measure of fairness", 1984. 1 if nobody gets anything. */
export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  const squares = values.reduce((total, value) => total + value * value, 0)
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares)
}
