import { suggest } from 'sluice/internal'
import { z } from 'zod'
import {
  type AnswerTemplate,
  type AnswerTemplates,
  type JsonTemplate,
  NO_RETRY,
  PLACEHOLDERS,
  unknownPlaceholders,
} from '../../answer-template.js'
import { type Decoder, mapOf, recordOf, scalar, withKeysOf } from '../yaml/decoders.js'
import { integer } from '../yaml/scalars.js'
import { type ConfigNode, isString, quote } from '../yaml/yaml-node.js'

/** The statuses with which the gateway itself answers. */
const OWN_STATUSES = [400, 401, 403, 404, 408, 413, 415, 429, 431, 500, 501, 502, 503, 504, 508]

const KEYS: readonly string[] = [...OWN_STATUSES.map(String), NO_RETRY]

const detailText = scalar(z.string().min(1).max(1000), 'a string of 1 to 1000 characters')

const decodeDetail: Decoder<string> = (node, problems) => {
  const detail = detailText(node, problems)
  return detail === undefined ? undefined : checked(detail, node, problems)
}

/** Decodes a body: a JSON value, or a string that contains one. */
const decodeBody: Decoder<JsonTemplate> = (node, problems) => {
  if (!isString(node)) return checked(jsonOf(node), node, problems)
  try {
    return checked(JSON.parse(node.value) as JsonTemplate, node, problems)
  } catch {
    problems.at(
      node,
      `'body' must be JSON, such as '{"error": "{detail}"}'; placeholders must be within strings`,
    )
    return undefined
  }
}

function checked<T extends JsonTemplate>(
  template: T,
  node: ConfigNode,
  problems: Parameters<Decoder<T>>[1],
): T | undefined {
  const [unknown] = unknownPlaceholders(template)
  if (unknown === undefined) return template
  const hint = suggest(unknown, PLACEHOLDERS) || `; the placeholders are ${PLACEHOLDERS.join(', ')}`
  problems.at(node, `unknown placeholder ${quote(`{${unknown}}`)}${hint}`)
  return undefined
}

function jsonOf(node: ConfigNode): JsonTemplate {
  switch (node.kind) {
    case 'map':
      return Object.fromEntries([...node.entries].map(([name, { value }]) => [name, jsonOf(value)]))
    case 'list':
      return node.items.map(jsonOf)
    case 'scalar':
      return node.value
    case 'invalid':
      return null
  }
}

const decodeTemplate: Decoder<AnswerTemplate> = mapOf(
  { status: integer(400, 599), detail: decodeDetail, body: decodeBody },
  'a map such as { status: 403, detail: Quota used up }',
)

const templates = recordOf(decodeTemplate, 'a map such as { 429: { detail: "Slow down. {detail}" } }', 100)

/** Decodes `answers`: replacements of the gateway's own answers, by status. */
export const decodeAnswers: Decoder<AnswerTemplates> = withKeysOf(templates, (node, problems) => {
  const values = templates(node, problems)
  if (values === undefined || node.kind !== 'map') return undefined
  for (const [key, { keyStart, value }] of node.entries) {
    if (!KEYS.includes(key))
      problems.add(keyStart, `the gateway has no answer ${quote(key)}; expected one of ${KEYS.join(', ')}`)
    else if (value.kind === 'map' && value.entries.size === 0)
      problems.at(value, `${value.label} must have 'status', 'detail' or 'body'`)
  }
  return values
})
