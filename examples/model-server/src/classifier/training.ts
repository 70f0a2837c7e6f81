import type { Random } from '../random.js'
import type { Slices } from '../slices.js'
import { createOptimizer, type LayerOptimizer } from './adam.js'
import { createActivations, forward, type Layer, type Network } from './network.js'

/** A scaled input and its class. */
export interface Sample {
  readonly input: Float64Array
  readonly label: number
}

export interface TrainingOptions {
  /** Number of passes over the samples. */
  readonly epochs: number
  /** Initial step size, which decreases to almost zero. */
  readonly rate: number
}

const BATCH = 16

/**
 * Trains the network in place by backpropagation with mini-batches, and yields after each batch.
 * The same network, samples, options and random numbers give the same weights, regardless of what
 * the caller does between batches.
 */
export function* train(
  network: Network,
  samples: readonly Sample[],
  { epochs, rate }: TrainingOptions,
  random: Random,
): Slices<void> {
  const optimizers = network.layers.map(createOptimizer)
  const activations = createActivations(network)
  const errors = createActivations(network)
  const order = samples.map((_, index) => index)
  const steps = epochs * Math.ceil(samples.length / BATCH)
  let done = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(order, random)
    for (let start = 0; start < order.length; start += BATCH) {
      const batch = order.slice(start, start + BATCH)
      for (const index of batch) learn(network, samples[index] as Sample, activations, errors, optimizers)
      const current = (rate * (1 + Math.cos((Math.PI * done) / steps))) / 2
      for (const optimizer of optimizers) optimizer.step(current, batch.length)
      yield ++done / steps
    }
  }
}

/** Adds one sample's gradients to the optimizers. */
function learn(
  network: Network,
  { input, label }: Sample,
  activations: readonly Float64Array[],
  errors: readonly Float64Array[],
  optimizers: readonly LayerOptimizer[],
) {
  const probabilities = forward(network, input, activations)
  const last = network.layers.length - 1
  // The gradient of the cross-entropy after a softmax: prediction minus target.
  const error = errors[last] as Float64Array
  error.set(probabilities)
  error[label] = (error[label] as number) - 1
  for (let index = last; index >= 0; index--) {
    const before = index === 0 ? input : (activations[index - 1] as Float64Array)
    backward(
      network.layers[index] as Layer,
      before,
      errors[index] as Float64Array,
      optimizers[index] as LayerOptimizer,
      index === 0 ? undefined : errors[index - 1],
    )
  }
}

/** Adds the gradients of one layer, and writes the error of its input to `errorBefore`. */
function backward(
  { inputs, outputs, weights }: Layer,
  before: Float64Array,
  error: Float64Array,
  gradients: LayerOptimizer,
  errorBefore?: Float64Array,
) {
  errorBefore?.fill(0)
  for (let row = 0; row < outputs; row++) {
    const slope = error[row] as number
    // Inactive units contribute nothing. Skipping them saves about half of the work.
    if (slope === 0) continue
    gradients.biases[row] = (gradients.biases[row] as number) + slope
    const start = row * inputs
    for (let column = 0; column < inputs; column++) {
      const at = start + column
      gradients.weights[at] = (gradients.weights[at] as number) + slope * (before[column] as number)
    }
    if (!errorBefore) continue
    for (let column = 0; column < inputs; column++) {
      errorBefore[column] = (errorBefore[column] as number) + slope * (weights[start + column] as number)
    }
  }
  if (!errorBefore) return
  // Units whose ReLU was inactive have no error.
  for (let column = 0; column < inputs; column++) if (before[column] === 0) errorBefore[column] = 0
}

/** Shuffles in place (Fisher–Yates). */
function shuffle(order: number[], random: Random) {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const value = order[i] as number
    order[i] = order[j] as number
    order[j] = value
  }
}
