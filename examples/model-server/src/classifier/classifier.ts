import type { Random } from '../random.js'
import type { Slices } from '../slices.js'
import { createActivations, createNetwork, forward, multiplicationCount, parameterCount } from './network.js'
import { type Example, FEATURES, type Features, LABELS, type Label, RANGE } from './rule.js'
import { type TrainingOptions, train } from './training.js'

export interface Prediction {
  readonly prediction: Label
  /** One probability per label; their sum is 1. */
  readonly probabilities: Readonly<Record<Label, number>>
}

export interface Classifier {
  /** Widths of all layers, including input and output. */
  readonly layers: readonly number[]
  readonly parameters: number
  /** Multiplications per prediction. */
  readonly multiplications: number
  /** Accepts any finite features. Values beyond the range of the rule are clamped. */
  predict(features: Features): Prediction
  /** Returns the accuracy on the examples, from 0 to 1. */
  accuracy(examples: readonly Example[]): number
}

export interface ClassifierPlan extends TrainingOptions {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[]
}

/**
 * Trains a classifier on the examples. The same plan, examples and random numbers give the same
 * classifier.
 */
export function* trainClassifier(
  plan: ClassifierPlan,
  examples: readonly Example[],
  random: Random,
): Slices<Classifier> {
  const layers = [FEATURES, ...plan.hidden, LABELS.length]
  const network = createNetwork(layers, random)
  const samples = examples.map(({ features, label }) => ({ input: scaled(features), label }))
  yield* train(network, samples, plan, random)

  const activations = createActivations(network)
  const probabilitiesOf = (features: Features) => forward(network, scaled(features), activations)
  return {
    layers,
    parameters: parameterCount(network),
    multiplications: multiplicationCount(network),
    predict(features) {
      const probabilities = probabilitiesOf(features)
      const [low = 0, medium = 0, high = 0] = probabilities
      return { prediction: LABELS[mostLikely(probabilities)] as Label, probabilities: { low, medium, high } }
    },
    accuracy(examples) {
      const correct = examples.filter(
        ({ features, label }) => mostLikely(probabilitiesOf(features)) === label,
      )
      return correct.length / examples.length
    },
  }
}

/** Scales features to [-1, 1], the range in which networks learn best, and clamps them. */
function scaled(features: Features): Float64Array {
  return Float64Array.from(features, (value) => Math.min(1, Math.max(-1, value / RANGE)))
}

function mostLikely(probabilities: Float64Array): number {
  return probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b)))
}
