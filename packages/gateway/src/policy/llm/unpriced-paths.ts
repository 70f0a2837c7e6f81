import { ForbiddenError } from 'sluice'
import { isPaidModelPath } from './shapes/shapes.js'

/** Endpoints of vendors' APIs that cost money, after a segment such as `v1`. */
const PAID_ENDPOINTS: ReadonlySet<string> = new Set([
  ...['batches', 'files', 'uploads', 'fine_tuning', 'fine-tunes', 'realtime', 'audio', 'images', 'videos'],
  ...['chat', 'completions', 'embeddings', 'responses', 'messages', 'conversations', 'rerank'],
  ...['assistants', 'threads', 'vector_stores', 'containers', 'evals', 'complete', 'edits'],
])

/** Methods of Google's APIs that cost money, at the end of a path. */
const PAID_METHOD = /:(?:(?:stream)?rawpredict|predictlongrunning|(?:async)?batch\w+)$/

const VERSION = /^v\d+(?:alpha|beta)?\d*$/

/**
 * Reports whether a path belongs to an API of a vendor that costs money: the path of a shape, or an
 * endpoint such as `/v1/batches`, below any prefix. Servers may ignore case, so this does, too.
 *
 * @param segments decoded, as `parseTarget` returns them
 */
export function isPaidPath(segments: readonly string[]): boolean {
  const names = segments.map((segment) => segment.toLowerCase())
  if (isPaidModelPath(`/${names.filter((name) => name !== '').join('/')}`)) return true
  if (PAID_METHOD.test(names.at(-1) ?? '')) return true
  return names.some((name, index) => {
    // Amazon Bedrock's InvokeModel, as in `/model/nova-lite/invoke`.
    if (name === 'model' && names[index + 2]?.startsWith('invoke')) return true
    const endpoint = names[index + 1]
    if (endpoint === undefined || !(VERSION.test(name) || name === 'openai')) return false
    return PAID_ENDPOINTS.has(endpoint) || endpoint.startsWith('realtime')
  })
}

/** Creates the error for a request whose cost a limit on money cannot count. */
export function unpricedError(): ForbiddenError {
  return new ForbiddenError(
    'The cost of this API cannot be charged to the limit on money of this gateway, so it cannot be used here.',
    403,
    'api_not_priced',
  )
}
