import type { FastifyError } from 'fastify'

type Validation = NonNullable<FastifyError['validation']>

interface Problem {
  /** Position in the body: `['body', 'features', 1]`. */
  readonly loc: readonly (string | number)[]
  readonly msg: string
}

/**
 * Makes a 422 body with the problems of a request and their fields.
 *
 * If a body may have several forms, the schema reports why each form does not match. Only the
 * problems deepest in the body are kept: they belong to the form that the client meant.
 */
export function unprocessable(validation: Validation): { readonly detail: readonly Problem[] } {
  const problems = validation
    .filter(({ keyword }) => keyword !== 'anyOf')
    .map((each) => ({ ...each, path: each.instancePath.split('/').slice(1).map(step) }))
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

/** A JSON pointer's step; the bodies have no field whose name is a number. */
function step(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text.replaceAll('~1', '/').replaceAll('~0', '~')
}
