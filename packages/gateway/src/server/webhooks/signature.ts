import { createHmac } from 'node:crypto'

/**
 * Returns the value of `Sluice-Signature`: the time in seconds since 1970, and the HMAC-SHA256 of
 * this time, a dot and the body, in hexadecimal. The receiver rejects old times, so that a recorded
 * request cannot be sent again.
 */
export function signatureOf(secret: string, seconds: number, body: string): string {
  const digest = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${digest}`
}
