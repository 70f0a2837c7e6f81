import type { UnfitAct } from '../../../policy/act-overrides.js'
import { type Act, describeChange } from '../../../policy/acts/act.js'
import type { ActList, ListedAct } from '../api/admin-actions.js'

export interface ListSources {
  /** The acts in effect. */
  readonly current: () => readonly Act[]
  /** The acts that do not fit the configuration. */
  readonly unfit: () => readonly UnfitAct[]
  /** Why the acts may be out of date. */
  readonly failure: () => string | undefined
  readonly kept: ActList['kept']
}

/** Lists the acts in effect for operators, the newest first. */
export function listActs({ current, unfit, failure, kept }: ListSources): ActList {
  const problems = new Map(unfit().map(({ act, reason }) => [act.id, reason]))
  const reason = failure()
  return {
    acts: current()
      .map((act) => listed(act, problems.get(act.id)))
      .toSorted((one, other) => other.at - one.at),
    kept,
    ...(reason !== undefined && { failure: reason }),
  }
}

function listed(act: Act, problem: string | undefined): ListedAct {
  const { id, by, reason, at, until } = act
  return {
    ...{ id, act: act.act, change: describeChange(act) },
    ...('client' in act && { client: act.client }),
    ...{ by, reason, at },
    ...(until !== undefined && { until }),
    ...(problem !== undefined && { problem }),
  }
}
