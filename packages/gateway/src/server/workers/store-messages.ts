import type { Charge, Settlement, StoreVerdict } from 'sluice'

/** What a worker asks of the store that the primary holds. The number is the call's own. */
export type StoreCall =
  | { readonly call: number; readonly operation: 'take' | 'peek'; readonly charges: readonly Charge[] }
  | { readonly call: number; readonly operation: 'settle'; readonly settlements: readonly Settlement[] }
  | { readonly call: number; readonly operation: 'reset'; readonly scope: string; readonly key: string }

/** What came of a call. `settle` and `reset` have no verdicts. */
export type StoreAnswer =
  | { readonly call: number; readonly verdicts?: readonly StoreVerdict[] }
  | { readonly call: number; readonly failure: Error }
