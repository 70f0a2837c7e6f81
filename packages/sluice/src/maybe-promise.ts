/** A value or a promise of one. An in-process store returns values. */
export type MaybePromise<T> = T | Promise<T>

/** Passes a value to `next`, synchronously unless the value is a promise. */
export function andThen<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Collects values, synchronously unless one of them is a promise. */
export function allOf<T>(values: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  return values.some((each) => each instanceof Promise) ? Promise.all(values) : (values as readonly T[])
}

/** Converts any thenable to a native promise, so that `instanceof Promise` recognizes it. */
export function toMaybePromise<T>(value: T | PromiseLike<T>): MaybePromise<T> {
  return isThenable(value) && !(value instanceof Promise)
    ? Promise.resolve(value)
    : (value as MaybePromise<T>)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as { readonly then?: unknown }).then === 'function'
}
