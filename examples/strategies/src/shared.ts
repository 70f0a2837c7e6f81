import type { Store } from 'sluice'
import type { Identify } from 'sluice/identity'
import type { Prediction } from 'sluice-example-prediction-app'

/** Services shared by the routes of this example. */
export interface Shared {
  readonly store: Store
  readonly identify: Identify
  readonly model: (features: readonly number[]) => Prediction | Promise<Prediction>
}
