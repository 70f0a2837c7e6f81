import { createHash } from 'node:crypto'

/** Maximum number of acts in effect at once. */
export const MAX_ACTS = 1000

/** Maximum lengths, in UTF-16 code units. */
export const MAX_REASON_LENGTH = 200
export const MAX_CLIENT_LENGTH = 256

/** The parts that all acts have. Times are milliseconds since the epoch. */
interface CommonParts {
  /** Derived from the target, so an act replaces an earlier one on the same target. */
  readonly id: string
  /** The name of the admin token. */
  readonly by: string
  readonly reason: string
  readonly at: number
  /** When the act ends; absent if it is in effect until it is undone. */
  readonly until?: number
}

/** A rule as operators see it, and the scope that identifies it in the store. */
export interface RuleTarget {
  readonly route: string
  readonly rule: string
  readonly scope: string
}

/** The clients that a block applies to: one by its ID, or all of an address or network. */
export type BlockTarget = { readonly client: string } | { readonly address: string }

/** A multiplier of the client's limit, or a limit in place of it. */
export type LimitChange = { readonly scale: number } | { readonly limit: string | number }

/** What an act changes. */
export type ActChange =
  | ({ readonly act: 'block' } & BlockTarget)
  /** Without `target`, all rules that count by client. */
  | ({ readonly act: 'override'; readonly client: string; readonly target?: RuleTarget } & LimitChange)
  | { readonly act: 'shadow'; readonly target: RuleTarget; readonly shadow: boolean }
  | { readonly act: 'limit'; readonly target: RuleTarget; readonly limit: string | number }

/** A change by an operator that is in effect until it expires or is undone. */
export type Act = CommonParts & ActChange

/** Returns the ID of the acts with the same kind and target. */
export function actId(change: ActChange): string {
  const target = change.act === 'block' ? [blockedName(change)] : targetOf(change)
  return createHash('sha256')
    .update(JSON.stringify([change.act, ...target]))
    .digest('hex')
    .slice(0, 12)
}

function targetOf(change: Exclude<ActChange, { act: 'block' }>): readonly string[] {
  const scope = change.target === undefined ? [] : [change.target.scope]
  return change.act === 'override' ? [change.client, ...scope] : scope
}

/** Returns the name of the blocked clients, as in `client acme` or `10.0.0.0/8`. */
export function blockedName(target: BlockTarget): string {
  return 'client' in target ? `client ${target.client}` : target.address
}

/** Describes the change of an act, for operators. */
export function describeChange(change: ActChange): string {
  if (change.act === 'block') return `${blockedName(change)} is blocked`
  const rule = change.target === undefined ? 'every rule that counts by client' : ruleName(change.target)
  switch (change.act) {
    case 'shadow':
      return `${rule} is ${change.shadow ? 'a shadow rule' : 'enforced'}`
    case 'limit':
      return `${rule} has the limit ${change.limit}`
    case 'override':
      return `client ${change.client} has ${'scale' in change ? `${change.scale} times the limit` : `the limit ${change.limit}`} of ${rule}`
  }
}

function ruleName({ route, rule }: RuleTarget): string {
  return `rule '${rule}' of ${route}`
}

/** Returns the acts that are in effect at a time. */
export function activeAt(acts: readonly Act[], now: number): readonly Act[] {
  return acts.every(({ until }) => until === undefined || until > now)
    ? acts
    : acts.filter(({ until }) => until === undefined || until > now)
}
