import { z } from 'zod'
import type { ModelAccess } from '../../model-access.js'
import { allowExpression, type Expression } from '../cel/expression.js'
import type { ExpressionScope } from '../cel/expression-scope.js'
import { reported } from '../limits/limit-key.js'
import { type Decoder, listOf, mapOf, recordOf, scalar, withKeysOf } from '../yaml/decoders.js'
import { isString, mismatch } from '../yaml/yaml-node.js'
import { MAX_MODEL_LENGTH } from './usage-section.js'

const MAX_PATTERNS = 100
const MAX_ALIASES = 100
const MAX_LISTED = 1000

/** The decoded `models` of a route. */
export interface ModelsSection extends Pick<ModelAccess, 'alias'> {
  readonly allow?: readonly string[] | Expression<readonly string[]>
  /** The models that a route lists, in place of the upstream. */
  readonly list?: readonly string[]
}

const model = scalar(z.string().min(1).max(MAX_MODEL_LENGTH), `a model: 1 to ${MAX_MODEL_LENGTH} characters`)
const patterns = listOf(model, 'a list of models such as [small, "llama-*"]', MAX_PATTERNS)
const EXPECTED_ALLOW = 'a list of models such as [small, "llama-*"], or an expression such as client.models'

function allowDecoder(scope: ExpressionScope): Decoder<ModelsSection['allow'] & object> {
  return withKeysOf(patterns, (node, problems) => {
    if (node.kind === 'list') return patterns(node, problems)
    if (isString(node)) return reported(node, allowExpression(node.value, scope), problems)
    problems.at(node, mismatch(node, EXPECTED_ALLOW))
    return undefined
  })
}

const listed = listOf(model, 'a list of models such as [small, large]', MAX_LISTED)

const rejectList = withKeysOf(listed, (node, problems) => {
  problems.at(
    node,
    "'list' requires a route that lists models, such as GET /v1/models; use 'allow' to restrict calls",
  )
  return undefined
})

/**
 * Creates the decoder of a route's `models`: which of them clients may use, and by what other names.
 *
 * @param scope the names that expressions may use
 * @param listsModels true if the requests of the route list models
 */
export function modelsDecoder(scope: ExpressionScope, listsModels: boolean): Decoder<ModelsSection> {
  const map = mapOf(
    {
      allow: allowDecoder(scope),
      alias: recordOf(model, 'a map such as { fast: small }', MAX_ALIASES),
      list: listsModels ? listed : rejectList,
    },
    'a map such as { allow: client.models, alias: { fast: small } }',
  )
  return withKeysOf(map, (node, problems) => {
    const values = map(node, problems)
    if (values === undefined) return undefined
    const { allow, alias = {}, list } = values
    const aliases = new Map(Object.entries(alias))
    const aliasNode = node.kind === 'map' ? node.entries.get('alias')?.value : undefined
    for (const [name, { value, keyStart }] of aliasNode?.kind === 'map' ? aliasNode.entries : []) {
      if (name === '' || name.length > MAX_MODEL_LENGTH)
        problems.add(keyStart, `an alias must have 1 to ${MAX_MODEL_LENGTH} characters`)
      const target = aliases.get(name)
      if (target !== undefined && target !== name && aliases.has(target))
        problems.at(value, `'${target}' is an alias itself; write the model that it stands for`)
    }
    return { ...(allow && { allow }), ...(aliases.size > 0 && { alias: aliases }), ...(list && { list }) }
  })
}
