/** What the head of an answer says about its body. */
export type AnswerKind =
  /** An event stream. */
  | 'events'
  /** One document. */
  | 'document'
  /** Compressed: the gateway asks for none of it, and does not undo it. */
  | 'encoded'

/** @param rawHeaders name, value, name, value */
export function answerKind(rawHeaders: readonly string[]): AnswerKind {
  const codings = valuesOf(rawHeaders, 'content-encoding').flatMap((value) => value.split(','))
  if (codings.some((coding) => !PLAIN.has(coding.trim().toLowerCase()))) return 'encoded'
  const [type = ''] = valuesOf(rawHeaders, 'content-type')
  return /^\s*text\/event-stream\s*(;|$)/i.test(type) ? 'events' : 'document'
}

const PLAIN: ReadonlySet<string> = new Set(['', 'identity'])

function valuesOf(rawHeaders: readonly string[], wanted: string): string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === wanted)
}
