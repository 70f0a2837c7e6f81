import { type Document, isMap, isScalar, parseDocument, visit } from 'yaml'

/** What a replay plays of a file, and what no configuration is without. Not the store, the admin port, nor who the clients are. */
const PLAYED = ['upstream', 'tiers', 'max_body', 'limits', 'routes', 'default']

/**
 * The part of a configuration that a replay plays, as it was written. Nothing of it is secret: the other parts are left out, and comments too,
 * since nobody knows what is in them.
 */
export function playedPart(text: string): string {
  const document = parseDocument(text)
  if (isMap(document.contents))
    document.contents.items = document.contents.items.filter(
      ({ key }) => isScalar(key) && PLAYED.includes(String(key.value)),
    )
  withoutComments(document)
  return document.toString({ lineWidth: 0 })
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
