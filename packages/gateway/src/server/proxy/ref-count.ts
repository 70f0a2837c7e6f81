/**
 * Counts the users of a resource, and disposes of the resource once it is retired and no longer
 * used.
 */
export class RefCount {
  #users = 0
  #dispose: (() => void) | undefined

  acquire(): void {
    this.#users++
  }

  /** Ends one use. Must be called once for each `acquire`. */
  release(): void {
    this.#users--
    this.#disposeIfUnused()
  }

  /**
   * Retires the resource, which must not be acquired again.
   *
   * @param dispose called once, when the last user has released the resource
   */
  retire(dispose: () => void): void {
    this.#dispose = dispose
    this.#disposeIfUnused()
  }

  #disposeIfUnused(): void {
    if (this.#users > 0) return
    const dispose = this.#dispose
    this.#dispose = undefined
    dispose?.()
  }
}
