/** Counts the requests that use something, and lets go of it when it is retired and the last of them has ended. */
export class UseCount {
  #users = 0
  #letGo: (() => void) | undefined

  begin(): void {
    this.#users++
  }

  /** Called once for each `begin`. */
  end(): void {
    this.#users--
    this.#letGoIfUnused()
  }

  /**
   * No request begins to use it any more.
   *
   * @param letGo called once, when no request uses it
   */
  retire(letGo: () => void): void {
    this.#letGo = letGo
    this.#letGoIfUnused()
  }

  #letGoIfUnused(): void {
    if (this.#users > 0) return
    const letGo = this.#letGo
    this.#letGo = undefined
    letGo?.()
  }
}
