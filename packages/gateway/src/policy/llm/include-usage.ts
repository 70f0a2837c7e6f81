import { withMember } from './request/duplicate-keys.js'
import type { CallParameters, Shape } from './shapes/shape.js'

/** The body to send upstream. */
export interface UpstreamBody {
  readonly body: Buffer
  /** True if the usage that the body requests must be hidden from the client. */
  readonly hidesUsage: boolean
}

/**
 * Requests the usage of a stream. If the shape reports usage only on request and the client did not
 * request it, sets `stream_options.include_usage` to `true`. All other bytes are unchanged, so
 * numbers keep their digits and members their order.
 *
 * @param json the request body: valid JSON, from which `parameters` was read
 */
export function requestUsage(shape: Shape, parameters: CallParameters, json: Buffer): UpstreamBody {
  if (!shape.usageOnRequest || !parameters.stream || parameters.wantsUsage)
    return { body: json, hidesUsage: false }
  const body = withMember(json, 'stream_options', (options) => {
    const object = options === undefined || options.equals(NULL) ? NO_OPTIONS : options
    return withMember(object, 'include_usage', () => TRUE)
  })
  return { body, hidesUsage: true }
}

const NULL = Buffer.from('null')
const NO_OPTIONS = Buffer.from('{}')
const TRUE = Buffer.from('true')
