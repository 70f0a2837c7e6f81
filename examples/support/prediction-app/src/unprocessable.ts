import type { FastifyError } from 'fastify'

type Validation = NonNullable<FastifyError['validation']>

interface Problem {
  /** Where in the body: `['body', 'features', 1]`. */
  readonly loc: readonly (string | number)[]
  readonly msg: string
}

/**
 * What was wrong with a body, and in which field.
 *
 * Where a body may have one of several forms, each form says why it is not meant; only those are told that got deepest into
 * the body, since it is the form that they describe which the client had in mind.
 */
export function unprocessable(validation: Validation): { readonly detail: readonly Problem[] } {
  const told = validation
    .filter(({ keyword }) => keyword !== 'anyOf')
    .map((each) => ({ ...each, path: each.instancePath.split('/').slice(1).map(step) }))
  const deepest = Math.max(...told.map(({ path }) => path.length))
  return {
    detail: told
      .filter(({ path }) => path.length === deepest)
      .map(({ path, params, message = 'is wrong' }) => {
        const field = params.missingProperty ?? params.additionalProperty
        return { loc: ['body', ...path, ...(typeof field === 'string' ? [field] : [])], msg: message }
      }),
  }
}

/** A JSON pointer's step; the bodies have no field whose name is a number. */
function step(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text.replaceAll('~1', '/').replaceAll('~0', '~')
}
