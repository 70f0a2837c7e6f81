/** The kind and the codings of a response body, according to its headers. */
export interface AnswerHead {
  readonly kind: AnswerKind
  /** In lower case, without parameters; empty if it is unknown. */
  readonly mediaType: string
  /** The codings, in the order in which they were applied. Lower case. */
  readonly codings: readonly string[]
}

export type AnswerKind =
  /** An event stream. */
  | 'events'
  /** A sequence of JSON values. */
  | 'values'
  /** An event stream of AWS, which consists of binary frames. */
  | 'frames'
  /** One document, or an unknown media type. */
  | 'document'

/**
 * Reads the kind and the codings of a response body from its headers.
 *
 * @param rawHeaders name, value, name, value
 */
export function answerHead(rawHeaders: readonly string[]): AnswerHead {
  const [type = ''] = valuesOf(rawHeaders, 'content-type')
  const mediaType = (type.split(';', 1)[0] ?? '').trim().toLowerCase()
  const codings = valuesOf(rawHeaders, 'content-encoding')
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
  return { kind: kindOf(mediaType), mediaType, codings }
}

function kindOf(mediaType: string): AnswerKind {
  if (mediaType === 'text/event-stream') return 'events'
  if (mediaType === 'application/vnd.amazon.eventstream') return 'frames'
  return VALUES.test(mediaType) ? 'values' : 'document'
}

/** The media types of NDJSON, JSON Lines, JSON text sequences and JSON streams. */
const VALUES =
  /^(application|text)\/((x-)?(ndjson|jsonl|jsonlines|json-lines|json-stream)|stream\+json|json-seq)$/

function valuesOf(rawHeaders: readonly string[], wanted: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === wanted)
}
