import type { Layer } from './network.js'

/** What is kept about a list of parameters: its gradient, and the running averages of that and of its square. */
interface Timestamps {
  readonly gradient: Float64Array
  readonly mean: Float64Array
  readonly square: Float64Array
}

/** The gradients of one layer, which backpropagation adds to, and the step that uses them up. */
export interface LayerOptimizer {
  readonly weights: Float64Array
  readonly biases: Float64Array
  /** Moves the layer against its gradients, the sums over `count` examples, and sets them to zero. */
  step(rate: number, count: number): void
}

const MEAN_DECAY = 0.9
const SQUARE_DECAY = 0.99

/** Adam (Kingma and Ba, 2015): each parameter moves by its mean gradient over that gradient's usual size. */
export function createOptimizer(layer: Layer): LayerOptimizer {
  const weights = createMoments(layer.weights.length)
  const biases = createMoments(layer.biases.length)
  let steps = 0
  return {
    weights: weights.gradient,
    biases: biases.gradient,
    step(rate, count) {
      steps++
      // The averages start at zero, so the first ones are too small; this takes that out.
      const corrected = (rate * Math.sqrt(1 - SQUARE_DECAY ** steps)) / (1 - MEAN_DECAY ** steps)
      move(layer.weights, weights, corrected, count)
      move(layer.biases, biases, corrected, count)
    },
  }
}

function createMoments(length: number): Timestamps {
  return {
    gradient: new Float64Array(length),
    mean: new Float64Array(length),
    square: new Float64Array(length),
  }
}

function move(parameters: Float64Array, { gradient, mean, square }: Timestamps, rate: number, count: number) {
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
