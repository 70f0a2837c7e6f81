/** The limits of every contender, for each API key. No load of a benchmark reaches them. */
export const REQUESTS_PER_MINUTE = 100_000
export const TOKENS_PER_MINUTE = 1_000_000_000
