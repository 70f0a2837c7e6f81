/** The segment of a path that names a model. */
interface ModelSegment {
  /** The index of the segment, from 0. */
  readonly index: number
  readonly model: string
  /** The rest of the segment after the model, such as `:generateContent`. */
  readonly suffix: string
}

/**
 * Finds the model in the decoded path of a request; undefined if it names none. Finders ignore the
 * case of the path, as servers such as Express do.
 */
export type ModelFinder = (path: string) => ModelSegment | undefined

/** Finds the model before the method, as in `/v1beta/models/gemini-pro:generateContent`. */
export const modelBeforeMethod: ModelFinder = (path) => {
  const segments = segmentsOf(path)
  const last = segments.at(-1) ?? ''
  const colon = last.lastIndexOf(':')
  return colon > 0
    ? { index: segments.length - 1, model: last.slice(0, colon), suffix: last.slice(colon) }
    : undefined
}

/** Finds the model before the last segment, as in `/model/nova-lite/converse`. */
export const modelBeforeAction: ModelFinder = (path) => segmentFromEnd(segmentsOf(path), 2)

/** Finds the model before its version and the action, as in `/v2/models/resnet/versions/1/infer`. */
export const modelBeforeVersion: ModelFinder = (path) => {
  const segments = segmentsOf(path)
  return segmentFromEnd(segments, segments.at(-3)?.toLowerCase() === 'versions' ? 4 : 2)
}

function segmentsOf(path: string): readonly string[] {
  return path.split('/').slice(1)
}

function segmentFromEnd(segments: readonly string[], distance: number): ModelSegment | undefined {
  const model = segments.at(-distance)
  return model === undefined || model === ''
    ? undefined
    : { index: segments.length - distance, model, suffix: '' }
}
