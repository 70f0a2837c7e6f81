/**
 * The response of `/api/tree`: the organizations, teams and clients that sent requests recently, with
 * what each of them has used. All times are in milliseconds.
 */
export interface ClientTree {
  /** Organizations, and teams and clients without one. */
  readonly nodes: readonly TreeNode[]
  /** The number of clients that match the search. */
  readonly matching: number
  /** The number of clients in the tree, which is bounded. */
  readonly shown: number
}

export interface TreeNode {
  readonly kind: TreeLevel
  /** The label of an organization or team, or the ID of a client. */
  readonly name: string
  readonly tier?: string
  /** The rules that count by this label or client. The number is bounded. */
  readonly limits: readonly TreeLimit[]
  readonly children: readonly TreeNode[]
}

export type TreeLevel = 'org' | 'team' | 'client'

export interface TreeLimit {
  readonly rule: string
  readonly routes: readonly string[]
  readonly resource: string
  readonly limit: string
  readonly enforced: boolean
  /** The fraction of the limit in use. */
  readonly used: number
  readonly remaining: number
  readonly resetAfter: number
}
