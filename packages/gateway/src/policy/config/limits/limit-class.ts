import type { ClassOptions } from 'sluice'
import { suggestOrList } from 'sluice/internal'
import { UnreadableBodyError } from '../../body/unreadable-body.js'
import type { GatewayRequest } from '../../policy-request.js'
import { type Expression, nameExpression, propertiesOf } from '../cel/expression.js'
import { ExpressionError } from '../cel/expression-error.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import type { Problems } from '../yaml/diagnostics.js'
import type { ConfigNode } from '../yaml/yaml-node.js'
import { reported } from './limit-key.js'

/** Returns the names of classes, the first one served first. */
export function classNames(classes: readonly (string | Readonly<Record<string, ClassOptions>>)[]): string[] {
  return classes.flatMap((each) => (typeof each === 'string' ? each : Object.keys(each)))
}

/**
 * Compiles the expression of a class. A request gets the last class if the expression cannot be
 * evaluated or returns another name, which is reported to operators.
 *
 * @param names the names of the classes
 */
export function decodeClass(
  node: ConfigNode,
  source: string,
  names: readonly string[],
  scope: ExpressionScope,
  problems: Problems,
): Expression<string> | undefined {
  if (names.length === 0) {
    problems.at(node, "'class' requires 'classes', such as [interactive, { batch: { floor: 5% } }]")
    return undefined
  }
  const problemOf = (name: string) =>
    names.includes(name)
      ? undefined
      : { at: 0, message: `there is no class '${name}'${suggestOrList(name, names)}` }
  const classOf = reported(node, nameExpression('class', source, scope, problemOf), problems)
  if (classOf === undefined) return undefined
  if (classOf.readsSecrets || classOf.readsBody)
    problems.warn(
      node,
      'clients choose their headers, query and body, and so their class; use what they cannot choose, such as client.tier',
    )
  const last = names.at(-1) ?? ''
  const named = (request: GatewayRequest): string => {
    try {
      const name = classOf(request)
      if (names.includes(name)) return name
      const reason = `the result is no class; the classes are ${names.join(', ')}`
      request.reportFailure?.({ expression: source, purpose: 'class', reason })
    } catch (error) {
      if (!(error instanceof ExpressionError || error instanceof UnreadableBodyError)) throw error
    }
    return last
  }
  return Object.assign(named, propertiesOf(classOf))
}
