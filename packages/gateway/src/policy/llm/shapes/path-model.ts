/**
 * Returns the model that the last segment of a path names before its method, as in
 * `/v1beta/models/gemini-pro:generateContent`.
 *
 * @param path decoded
 */
export function modelInPath(path: string): string | undefined {
  const segment = path.slice(path.lastIndexOf('/') + 1)
  const colon = segment.lastIndexOf(':')
  return colon > 0 ? segment.slice(0, colon) : undefined
}

/**
 * Returns the model that a path names before its last segment, as in `/model/nova-lite/converse`.
 *
 * @param path decoded
 */
export function modelBeforeAction(path: string): string | undefined {
  return path.split('/').at(-2) || undefined
}
