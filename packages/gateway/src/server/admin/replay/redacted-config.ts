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

/** What a replay plays of a file, and what no configuration is without. Not the store, the admin port, nor who the clients are. */
const PLAYED = ['upstream', 'tiers', 'max_body', 'limits', 'routes', 'default']

/**
 * The part of a configuration that a replay plays, as it was written. Nothing of it is secret: the other parts are left out, and comments too,
 * since nobody knows what is in them.
 */
export function redactedConfig(text: string): string {
  const document = parseDocument(text)
  const meant = aliasesOf(document)
  if (isMap(document.contents))
    document.contents.items = document.contents.items.filter(
      ({ key }) => isScalar(key) && PLAYED.includes(String(key.value)),
    )
  putInPlace(document, meant)
  withoutComments(document)
  return document.toString({ lineWidth: 0 })
}

type Meant = Scalar | YAMLMap | YAMLSeq

function aliasesOf(document: Document.Parsed): ReadonlyMap<Alias, Meant | undefined> {
  const meant = new Map<Alias, Meant | undefined>()
  visit(document, {
    Alias(_key, alias) {
      meant.set(alias, alias.resolve(document))
    },
  })
  return meant
}

/** Where an alias is of something that was left out, that stands in its place. */
function putInPlace(document: Document.Parsed, meant: ReadonlyMap<Alias, Meant | undefined>): void {
  const anchors = new Set<string>()
  visit(document, {
    Value(_key, { anchor }) {
      if (anchor !== undefined) anchors.add(anchor)
    },
  })
  visit(document, {
    Alias(_key, alias) {
      if (anchors.has(alias.source)) return undefined
      const copy = meant.get(alias)?.clone() as Meant | undefined
      if (copy !== undefined) delete copy.anchor
      return copy
    },
  })
}

function withoutComments(document: Document.Parsed): void {
  document.commentBefore = null
  document.comment = null
  visit(document, {
    Node(_key, node) {
      node.comment = null
      node.commentBefore = null
    },
  })
}
