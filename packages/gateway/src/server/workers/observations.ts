import type { Observer } from '../observability/observer.js'

/** One call of an observer's: its name and what it is given. */
export type Observation = {
  [Name in keyof Observer]: readonly [Name, ...Parameters<Observer[Name]>]
}[keyof Observer]

/** Tells an observer what another one was told. */
export function retell(observer: Observer, [name, ...given]: Observation): void {
  const told = observer[name] as (...given: unknown[]) => void
  told.apply(observer, given)
}
