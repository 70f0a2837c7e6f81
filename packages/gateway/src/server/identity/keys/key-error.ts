/** Reports to the operator why keys cannot be read or changed. */
export class KeyError extends Error {
  override readonly name = 'KeyError'

  constructor(
    /** `unavailable`: a later attempt may succeed. */
    readonly kind: 'invalid' | 'missing' | 'conflict' | 'unavailable',
    message: string,
  ) {
    super(message)
  }
}
