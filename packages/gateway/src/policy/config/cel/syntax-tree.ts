import type { ASTNode } from '@marcbachmann/cel-js'

/** Lists the children of a node of an expression. */
export function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'map':
      return node.args.flat()
    case '!_':
    case '-_':
      return [node.args]
    case '.':
    case '.?':
      return [node.args[0]]
    case 'call':
      return node.args[1]
    case 'rcall':
      return [node.args[1], ...node.args[2]]
    case 'value':
    case 'id':
      return []
    default:
      return node.args
  }
}
