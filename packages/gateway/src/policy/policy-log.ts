/** The log that policies write to: fields, and a message. */
export interface PolicyLog {
  info(fields: object, message: string): void
}
