/** The log that policies write to. */
export interface PolicyLog {
  info(fields: object, message: string): void
}
