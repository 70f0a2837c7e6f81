import { withMember } from './request/duplicate-keys.js'
import type { Asked, Shape } from './shapes/shape.js'

/** What is sent upstream for a request, and whether the client must not see the usage that it asks for. */
export interface UpstreamBody {
  readonly body: Buffer
  readonly hidesUsage: boolean
}

/**
 * Has a stream tell its usage. Where the shape needs to be asked and the client did not, `stream_options.include_usage`
 * becomes `true`; every other byte stays as it was, so that numbers keep all their digits and members their order.
 *
 * @param json the request's body, which is valid JSON and was read as `asked`
 */
export function requestUsage(shape: Shape, asked: Asked, json: Buffer): UpstreamBody {
  if (!shape.usageOnRequest || !asked.stream || asked.wantsUsage) return { body: json, hidesUsage: false }
  const body = withMember(json, 'stream_options', (options) => {
    const object = options === undefined || options.equals(NULL) ? NO_OPTIONS : options
    return withMember(object, 'include_usage', () => TRUE)
  })
  return { body, hidesUsage: true }
}

const NULL = Buffer.from('null')
const NO_OPTIONS = Buffer.from('{}')
const TRUE = Buffer.from('true')
