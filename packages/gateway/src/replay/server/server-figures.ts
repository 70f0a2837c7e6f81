/** The figures of a model server from which its behavior is computed. */
export interface ServerFigures {
  readonly step: {
    /** Duration of an empty step, in milliseconds. */
    readonly fixedMs: number
    /** Additional duration for each prompt token that is read in the step, in milliseconds. */
    readonly perPrefillTokenMs: number
    /** Additional duration for each request that writes a token in the step, in milliseconds. */
    readonly perRequestMs: number
  }
  /** Number of tokens that fit into the KV cache of a replica. */
  readonly kvTokens: number
  /** Maximum number of running requests of a replica. */
  readonly maxSeqs: number
  /** Maximum number of tokens in a step. At least `maxSeqs`. */
  readonly maxBatchedTokens: number
  /**
   * When a waiting request starts to run: `prompt` if the first part of its prompt fits into the KV
   * cache, as in vLLM; `peak` if the cache can hold all running requests until their end, as in
   * LightLLM. A server of the second kind knows the length of each response and never preempts.
   */
  readonly admits: 'prompt' | 'peak'
  /** Number of equal servers behind one address. */
  readonly replicas: number
}
