/** An answer that is here, or on its way. A store in the same process answers at once. */
export type MaybePromise<T> = T | Promise<T>

/** Goes on with an answer: now where it is here, so that nothing comes in between. */
export function andThen<T, U>(
  answer: MaybePromise<T>,
  next: (answer: T) => MaybePromise<U>,
): MaybePromise<U> {
  return answer instanceof Promise ? answer.then(next) : next(answer)
}
