import type { FastifyError } from 'fastify'

type Validation = NonNullable<FastifyError['validation']>

interface Problem {
  /** Position in the body: `['body', 'features', 1]`. */
  readonly loc: readonly (string | number)[]
  readonly msg: string
}

/**
 * Creates the body of a 422 response: the problems of a request with their fields.
 *
 * If a body may have several forms, the validation reports why each form does not match. Only the
 * problems deepest in the body are returned: they belong to the form that the client most likely
 * intended.
 */
export function unprocessable(validation: Validation): { readonly detail: readonly Problem[] } {
  const problems = validation
    .filter(({ keyword }) => keyword !== 'anyOf')
    .map((each) => ({ ...each, path: each.instancePath.split('/').slice(1).map(decodeSegment) }))
  const deepest = Math.max(...problems.map(({ path }) => path.length))
  return {
    detail: problems
      .filter(({ path }) => path.length === deepest)
      .map(({ path, params, message = 'is invalid' }) => {
        const field = params.missingProperty ?? params.additionalProperty
        return { loc: ['body', ...path, ...(typeof field === 'string' ? [field] : [])], msg: message }
      }),
  }
}

/** Decodes a segment of a JSON pointer. No field has a numeric name, so numbers are indexes. */
function decodeSegment(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text.replaceAll('~1', '/').replaceAll('~0', '~')
}
