import {
  type Alias,
  type Document,
  isMap,
  isScalar,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'

/**
 * The keys that a replay reads. They contain no secrets, unlike `store`, `admin` and `identity`. Routes
 * refer to `upstreams` by name.
 */
const REPLAYED_KEYS = [
  ...['upstream', 'upstreams', 'tiers', 'max_body', 'prices', 'unknown_model', 'limits', 'routes', 'default'],
]

/**
 * Returns the part of a configuration file that a replay reads, in its original form. The other
 * parts and the comments are removed because they may contain secrets.
 */
export function redactedConfig(yaml: string): string {
  const document = parseDocument(yaml)
  const targets = resolveAliases(document)
  if (isMap(document.contents))
    document.contents.items = document.contents.items.filter(
      ({ key }) => isScalar(key) && REPLAYED_KEYS.includes(String(key.value)),
    )
  removeUpstreamSecrets(document)
  inlineRemovedAnchors(document, targets)
  // A copy in place of an alias contains what was removed elsewhere.
  removeUpstreamSecrets(document)
  removeComments(document)
  return document.toString({ lineWidth: 0 })
}

/** The keys of an upstream that a replay does not need, and that may contain secrets. */
const SECRET_KEYS: readonly string[] = ['headers', 'tls', 'health']

function removeUpstreamSecrets(document: Document.Parsed): void {
  const upstreams = document.get('upstreams')
  if (!isMap(upstreams)) return
  for (const { value } of upstreams.items)
    if (isMap(value))
      value.items = value.items.filter(
        ({ key }) => !isScalar(key) || !SECRET_KEYS.includes(String(key.value)),
      )
}

type AliasTarget = Scalar | YAMLMap | YAMLSeq

function resolveAliases(document: Document.Parsed): ReadonlyMap<Alias, AliasTarget | undefined> {
  const targets = new Map<Alias, AliasTarget | undefined>()
  visit(document, {
    Alias(_key, alias) {
      targets.set(alias, alias.resolve(document))
    },
  })
  return targets
}

/** Replaces each alias whose anchor was removed with a copy of its target. */
function inlineRemovedAnchors(
  document: Document.Parsed,
  targets: ReadonlyMap<Alias, AliasTarget | undefined>,
): void {
  const anchors = new Set<string>()
  visit(document, {
    Value(_key, { anchor }) {
      if (anchor !== undefined) anchors.add(anchor)
    },
  })
  visit(document, {
    Alias(_key, alias) {
      if (anchors.has(alias.source)) return undefined
      const copy = targets.get(alias)?.clone() as AliasTarget | undefined
      if (copy !== undefined) delete copy.anchor
      return copy
    },
  })
}

function removeComments(document: Document.Parsed): void {
  document.commentBefore = null
  document.comment = null
  visit(document, {
    Node(_key, node) {
      node.comment = null
      node.commentBefore = null
    },
  })
}
