import { setImmediate as nextTurn } from 'node:timers/promises'

/** The input of a model: one row. */
export type Features = readonly number[]

export interface Prediction {
  /** The more likely class. */
  readonly prediction: 'calm' | 'busy'
  /** Probability of `busy`, from 0 to 1. */
  readonly probability: number
}

export type Model = (features: Features) => Prediction

/** A logistic model with weights chosen by hand. */
export const lightweightModel: Model = (features) => predictionOf(sigmoid(score(features, WEIGHTS)))

/** The mean of a thousand variants of the lightweight model, with a thousand times the work. */
export const heavyModel: Model = (features) => {
  let sum = 0
  for (let member = 0; member < MEMBERS; member++) {
    sum += sigmoid(score(features, WEIGHTS) + Math.sin(member) * 0.5)
  }
  return predictionOf(sum / MEMBERS)
}

/** Models by their name in a path. */
export const models = { lightweight: lightweightModel, heavy: heavyModel }

/** Calls a model until its code is compiled, yielding to other work in between. */
export async function warmModel(model: Model): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (let step = 0; step < 20; step++) model([round, step, round - step])
    await nextTurn()
  }
}

const WEIGHTS = [0.8, -0.5, 0.3]
const MEMBERS = 1000

function score(features: Features, weights: readonly number[]): number {
  return features.reduce(
    (sum, feature, index) => sum + feature * (weights[index % weights.length] ?? 0),
    -0.6,
  )
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value))
}

function predictionOf(probability: number): Prediction {
  return { prediction: probability > 0.5 ? 'busy' : 'calm', probability: Math.round(probability * 1e4) / 1e4 }
}
