/** The names that an expression may use beyond the predefined ones. */
export interface ExpressionScope {
  /** The parameters of the route; undefined if they are unknown. */
  readonly params: readonly string[] | undefined
  /** The labels of clients. Default: clients have none. */
  readonly labels?: KnownLabels | undefined
  /** True if the requests are model calls, so `model` has a value. Default: `false`. */
  readonly hasModel?: boolean
}

/** The labels that the sources of a configuration can give clients. */
export interface KnownLabels {
  readonly names: readonly string[]
  /**
   * Set if clients can have other labels too, because API keys can have any. `read` if `names` contains
   * the labels that the keys have now, which is known only of those in a file.
   */
  readonly apiKeys?: 'read' | 'unread' | undefined
}

/** The members of every client. */
const CLIENT_MEMBERS: readonly string[] = ['id', 'tier']

/** Lists the members of a client that are known. */
export function clientMembers({ labels }: ExpressionScope): readonly string[] {
  return [...CLIENT_MEMBERS, ...(labels?.names ?? [])]
}

/** Reports whether a member of a client is a label. */
export function isLabel(member: string): boolean {
  return !CLIENT_MEMBERS.includes(member)
}
