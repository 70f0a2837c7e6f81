import type { Layer } from './network.js'

/**
 * State of a list of parameters: the gradient and the running averages of the gradient and of its
 * square.
 */
interface Moments {
  readonly gradient: Float64Array
  readonly mean: Float64Array
  readonly square: Float64Array
}

/** Accumulates the gradients of one layer and applies them in steps. */
export interface LayerOptimizer {
  readonly weights: Float64Array
  readonly biases: Float64Array
  /** Moves the layer against its gradients, the sums over `count` examples, and resets them. */
  step(rate: number, count: number): void
}

const MEAN_DECAY = 0.9
const SQUARE_DECAY = 0.99

/**
 * Creates an Adam optimizer (Kingma and Ba, 2015), which divides the mean gradient of each
 * parameter by its typical magnitude.
 */
export function createOptimizer(layer: Layer): LayerOptimizer {
  const weights = createMoments(layer.weights.length)
  const biases = createMoments(layer.biases.length)
  let steps = 0
  return {
    weights: weights.gradient,
    biases: biases.gradient,
    step(rate, count) {
      steps++
      // Corrects the bias of averages that start at zero.
      const corrected = (rate * Math.sqrt(1 - SQUARE_DECAY ** steps)) / (1 - MEAN_DECAY ** steps)
      move(layer.weights, weights, corrected, count)
      move(layer.biases, biases, corrected, count)
    },
  }
}

function createMoments(length: number): Moments {
  return {
    gradient: new Float64Array(length),
    mean: new Float64Array(length),
    square: new Float64Array(length),
  }
}

function move(parameters: Float64Array, { gradient, mean, square }: Moments, rate: number, count: number) {
  for (let i = 0; i < parameters.length; i++) {
    const slope = (gradient[i] as number) / count
    const average = MEAN_DECAY * (mean[i] as number) + (1 - MEAN_DECAY) * slope
    const spread = SQUARE_DECAY * (square[i] as number) + (1 - SQUARE_DECAY) * slope * slope
    parameters[i] = (parameters[i] as number) - (rate * average) / (Math.sqrt(spread) + 1e-8)
    mean[i] = average
    square[i] = spread
    gradient[i] = 0
  }
}
