import type { Charge, StoreVerdict } from './store.js'

/** Reports whether a charge can refuse a request. A shadow charge cannot. */
export function isEnforced({ enforce }: Pick<Charge, 'enforce'>): boolean {
  return enforce !== false
}

/** Reports whether a verdict on a charge refuses the whole request. */
export function refuses(charge: Pick<Charge, 'enforce'>, verdict: Pick<StoreVerdict, 'allowed'>): boolean {
  return !verdict.allowed && isEnforced(charge)
}

/** Reports whether every enforced charge fits. `verdicts` contains one verdict for each charge. */
export function allEnforcedFit(
  charges: readonly Pick<Charge, 'enforce'>[],
  verdicts: readonly Pick<StoreVerdict, 'allowed'>[],
): boolean {
  return verdicts.every(({ allowed }, index) => allowed || charges[index]?.enforce === false)
}

/**
 * Returns the indexes of the charges in the order in which they are judged: enforced charges first.
 */
export function judgingOrder(charges: readonly Pick<Charge, 'enforce'>[]): Iterable<number> {
  if (charges.every(isEnforced)) return charges.keys()
  const indexes = [...charges.keys()]
  const isShadow = (index: number) => Number(charges[index]?.enforce === false)
  return indexes.sort((a, b) => isShadow(a) - isShadow(b))
}
