import type { Decision } from 'sluice'

/** Whether there are slots to free at its end. Asked of what was counted: the permit of a request that holds nothing is never made. */
export function holdsSlots({ quotas }: Decision): boolean {
  return quotas.some(({ limit }) => limit.algorithm === 'concurrency')
}
