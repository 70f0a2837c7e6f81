import { createHash } from 'node:crypto'
import type { KeyPart, KeySpec, NamedKey } from 'sluice'
import { suggestOrList } from 'sluice/internal'
import type { GatewayRequest } from '../../policy-request.js'
import { VARIABLES } from '../cel/cel-language.js'
import { type Expression, keyExpression } from '../cel/expression.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ConfigNode, described } from '../yaml/yaml-node.js'

/** `by`: whom a limit counts for. A known name is that name; everything else is an expression. */

const NAMES: readonly string[] = ['ip', 'client', 'route', 'everyone'] satisfies NamedKey[]
const WANTED = `${NAMES.join(', ')}, header:NAME, an expression, or a list of them`

/** Most parts that make a combined key. */
const MAX_PARTS = 8

/** @param params names of the route's parameters; undefined where they are not known */
export function readKey(
  node: ConfigNode,
  params: readonly string[] | undefined,
  problems: Problems,
): KeySpec<GatewayRequest> | undefined {
  if (node.kind !== 'list') return readPart(node, params, problems)
  if (node.items.length === 0 || node.items.length > MAX_PARTS) {
    problems.at(node, `a list of keys has 1 to ${MAX_PARTS} of them; 'everyone' is one key for all`)
    return undefined
  }
  const parts = node.items.map((item) => readPart(item, params, problems))
  return parts.every((part) => part !== undefined) ? parts : undefined
}

function readPart(
  node: ConfigNode,
  params: readonly string[] | undefined,
  problems: Problems,
): KeyPart<GatewayRequest> | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    problems.at(node, `${node.label} is ${WANTED}; not ${described(node)}`)
    return undefined
  }
  const text = node.value
  if (isName(text)) return text
  if (/^headers?\s*(:|$)/i.test(text)) {
    const message = "a header is named as in 'header:x-tenant', in letters, digits and -"
    problems.inText(node, text.startsWith('header:') ? 'header:'.length : 0, message)
    return undefined
  }
  if (/^[A-Za-z]+$/.test(text) && !VARIABLES.has(text)) {
    problems.at(
      node,
      `unknown key '${text}'${suggestOrList(text, [...NAMES, 'header:NAME', ...VARIABLES.keys()])}`,
    )
    return undefined
  }
  const expression = reported(node, keyExpression(text, params), problems)
  return expression?.readsSecrets ? digestOf(expression) : expression
}

/** What may be a credential is kept as its digest, as the values of `header:NAME` are. */
function digestOf(expression: Expression<string>): Expression<string> {
  const { source, readsBody, readsSecrets } = expression
  const digest = (request: GatewayRequest) =>
    createHash('sha256').update(expression(request), 'utf16le').digest('base64url')
  return Object.assign(digest, { source, readsBody, readsSecrets })
}

/** The expression, where it is one; else what is wrong is told, in its place. */
export function reported<T>(
  node: ConfigNode,
  result: Expression<T> | readonly { readonly at: number; readonly message: string }[],
  problems: Problems,
): Expression<T> | undefined {
  if (typeof result === 'function') return result
  for (const { at, message } of result) problems.inText(node, at, message)
  return undefined
}

function isName(text: string): text is NamedKey {
  return NAMES.includes(text) || /^header:[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
}
