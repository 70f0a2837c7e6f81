/**
 * Counts the users of a resource that is disposed of once it is retired and its last user is gone.
 */
export class RefCount {
  #users = 0
  #dispose: (() => void) | undefined

  acquire(): void {
    this.#users++
  }

  /** Called once for each `acquire`. */
  release(): void {
    this.#users--
    this.#disposeIfUnused()
  }

  /**
   * Retires the resource: it gets no new users.
   *
   * @param dispose called once, when the last user is gone
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
