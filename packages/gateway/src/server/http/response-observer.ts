/** Watches an answer go by. It must not throw, nor change what it is shown. */
export interface ResponseObserver {
  /** The answer's status and headers, as the upstream sent them: name, value, name, value. */
  head?(status: number, rawHeaders: readonly string[]): void
  /** The next bytes of the body. */
  data?(chunk: Buffer): void
}

/** Takes something out of an answer's body as it goes by. */
export interface BodyFilter {
  /** @returns what is to be sent on now, which may be nothing */
  push(chunk: Buffer): Buffer
  /** @returns what is left to be sent on at the end of a whole body */
  end(): Buffer
}

/** The filter of an answer, by its status and its headers (name, value, name, value); undefined where it needs none. */
export type FilterFor = (status: number, rawHeaders: readonly string[]) => BodyFilter | undefined
