import { createHash } from 'node:crypto'
import type { KeyPart, KeySpec, NamedKey } from 'sluice'
import { suggestOrList } from 'sluice/internal'
import type { GatewayRequest } from '../../policy-request.js'
import { VARIABLES } from '../cel/cel-language.js'
import { type Expression, keyExpression, propertiesOf } from '../cel/expression.js'
import { type ExpressionScope, isLabel } from '../cel/expression-scope.js'
import { clientMemberFinding } from '../cel/static-analysis.js'
import type { Problems } from '../yaml/diagnostics.js'
import { type ConfigNode, mismatch } from '../yaml/yaml-node.js'

const NAMES: readonly string[] = ['ip', 'client', 'route', 'everyone'] satisfies NamedKey[]
const EXPECTED = `${NAMES.join(', ')}, client.LABEL, header:NAME, cookie:NAME, an expression, or a list of them`

/** Maximum number of parts in a combined key. */
const MAX_PARTS = 8

/**
 * Decodes `by`, the key by which a limit counts. A string other than a known name is an expression.
 *
 * @param scope the names that expressions may use
 */
export function decodeKey(
  node: ConfigNode,
  scope: ExpressionScope,
  problems: Problems,
): KeySpec<GatewayRequest> | undefined {
  if (node.kind !== 'list') return decodePart(node, scope, problems)
  if (node.items.length === 0 || node.items.length > MAX_PARTS) {
    problems.at(
      node,
      `a list of keys must have 1 to ${MAX_PARTS} entries; write 'everyone' for one shared key`,
    )
    return undefined
  }
  const parts = node.items.map((item) => decodePart(item, scope, problems))
  return parts.every((part) => part !== undefined) ? parts : undefined
}

function decodePart(
  node: ConfigNode,
  scope: ExpressionScope,
  problems: Problems,
): KeyPart<GatewayRequest> | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    problems.at(node, mismatch(node, EXPECTED))
    return undefined
  }
  const text = node.value
  if (isName(text)) return text
  const [, label] = /^client\.([a-zA-Z_]\w*)$/.exec(text) ?? []
  if (label !== undefined && isLabel(label)) return decodeLabel(node, label, scope, problems)
  if (/^headers?\s*(:|$)/i.test(text)) {
    const message = "write a header key as 'header:x-tenant'; header names contain only letters, digits and -"
    problems.inString(node, text.startsWith('header:') ? 'header:'.length : 0, message)
    return undefined
  }
  if (/^cookies?\s*(:|$)/i.test(text)) {
    const message =
      "write a cookie key as 'cookie:session'; cookie names contain no spaces, quotes or separators"
    problems.inString(node, text.startsWith('cookie:') ? 'cookie:'.length : 0, message)
    return undefined
  }
  if (/^[A-Za-z]+$/.test(text) && !VARIABLES.has(text)) {
    problems.at(
      node,
      `unknown key '${text}'${suggestOrList(text, [...NAMES, 'header:NAME', 'cookie:NAME', ...VARIABLES.keys()])}`,
    )
    return undefined
  }
  const expression = reported(node, keyExpression(text, scope), problems)
  return expression?.readsSecrets ? digestOf(expression) : expression
}

/** Decodes a label of the client, which is a key of the library: rules apply only to clients with it. */
function decodeLabel(
  node: ConfigNode,
  label: string,
  scope: ExpressionScope,
  problems: Problems,
): KeyPart<GatewayRequest> | undefined {
  const { error, warning } = clientMemberFinding(label, scope)
  if (warning !== undefined) problems.warn(node, warning)
  if (error === undefined) return `client.${label}`
  problems.inString(node, 'client.'.length, error)
  return undefined
}

/**
 * Hashes a key that may contain a credential, in the same way as the library hashes `header:NAME`.
 */
function digestOf(expression: Expression<string>): Expression<string> {
  const digest = (request: GatewayRequest) =>
    createHash('sha256').update(expression(request), 'utf16le').digest('base64url')
  return Object.assign(digest, propertiesOf(expression))
}

/** Returns a compiled expression, or reports its problems at their positions. */
export function reported<T>(
  node: ConfigNode,
  result: Expression<T> | readonly { readonly at: number; readonly message: string }[],
  problems: Problems,
): Expression<T> | undefined {
  if (typeof result === 'function') {
    for (const warning of result.warnings ?? []) problems.warn(node, warning)
    return result
  }
  for (const { at, message } of result) problems.inString(node, at, message)
  return undefined
}

function isName(text: string): text is NamedKey {
  return NAMES.includes(text) || /^(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)
}
