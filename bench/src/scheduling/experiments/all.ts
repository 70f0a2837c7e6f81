import type { Experiment } from '../experiment.js'
import { adaptiveLimits } from './adaptive-limits.js'
import { arena } from './arena.js'
import { cost } from './cost.js'
import { flood, longPromptFlood } from './floods.js'
import { hiddenWork } from './hidden-work.js'
import { overload } from './overload.js'
import { twoClients, weights } from './shares.js'
import { gapTarget, refusingServer } from './upstream-signals.js'

/** All experiments, in the order in which they are shown. */
export const EXPERIMENTS: readonly Experiment[] = [
  arena,
  twoClients,
  weights,
  flood,
  longPromptFlood,
  adaptiveLimits,
  overload,
  refusingServer,
  hiddenWork,
  gapTarget,
  cost,
]
