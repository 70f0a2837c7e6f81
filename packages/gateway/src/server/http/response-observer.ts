/** Observes a response as it is forwarded. It must neither throw nor modify its arguments. */
export interface ResponseObserver {
  /** Receives the status and headers of the upstream's response: name, value, name, value. */
  head?(status: number, rawHeaders: readonly string[]): void
  /** Receives the next bytes of the body. */
  data?(chunk: Buffer): void
}

/** Removes parts of a response body as it is forwarded. */
export interface BodyFilter {
  /** @returns the bytes to send now, possibly none */
  push(chunk: Buffer): Buffer
  /** Called at the end of a complete body. @returns the remaining bytes to send */
  end(): Buffer
}

/**
 * Creates the filter of a response from its status and headers; returns undefined if it needs none.
 */
export type CreateFilter = (status: number, rawHeaders: readonly string[]) => BodyFilter | undefined
