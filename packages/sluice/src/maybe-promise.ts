/** An answer that is here, or on its way. A store in the same process answers at once. */
export type MaybePromise<T> = T | Promise<T>

/** Goes on with an answer: now where it is here, so that nothing comes in between. */
export function andThen<T, U>(
  answer: MaybePromise<T>,
  next: (answer: T) => MaybePromise<U>,
): MaybePromise<U> {
  return answer instanceof Promise ? answer.then(next) : next(answer)
}

/** All of the answers: now where they are all here. */
export function allOf<T>(answers: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  return answers.some((each) => each instanceof Promise) ? Promise.all(answers) : (answers as readonly T[])
}

/** A promise of any library as one of this realm, which `instanceof Promise` knows; anything else as it is. */
export function toMaybePromise<T>(value: T | PromiseLike<T>): MaybePromise<T> {
  return isThenable(value) && !(value instanceof Promise)
    ? Promise.resolve(value)
    : (value as MaybePromise<T>)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as { readonly then?: unknown }).then === 'function'
}
