import { gaussian, type Random } from '../random.js'

/** One fully connected layer. `weights` has a row of `inputs` numbers for each output. */
export interface Layer {
  readonly inputs: number
  readonly outputs: number
  readonly weights: Float64Array
  readonly biases: Float64Array
}

/** A feed-forward network with ReLU hidden layers and a softmax output layer. */
export interface Network {
  readonly layers: readonly Layer[]
}

/**
 * Creates a network with random weights, scaled so that signals neither vanish nor explode (He
 * initialization).
 */
export function createNetwork(sizes: readonly number[], random: Random): Network {
  const layers = sizes.slice(1).map((outputs, index): Layer => {
    const inputs = sizes[index] as number
    const scale = Math.sqrt(2 / inputs)
    const weights = Float64Array.from({ length: inputs * outputs }, () => scale * gaussian(random))
    return { inputs, outputs, weights, biases: new Float64Array(outputs) }
  })
  return { layers }
}

/** Returns the number of parameters. */
export function parameterCount({ layers }: Network): number {
  return layers.reduce((sum, { weights, biases }) => sum + weights.length + biases.length, 0)
}

/** Returns the number of multiplications per prediction. */
export function multiplicationCount({ layers }: Network): number {
  return layers.reduce((sum, { weights }) => sum + weights.length, 0)
}

/** Allocates the outputs of all layers once, so that a prediction allocates nothing. */
export function createActivations({ layers }: Network): Float64Array[] {
  return layers.map(({ outputs }) => new Float64Array(outputs))
}

/**
 * Runs the network and stores each layer's output in `activations`.
 *
 * @returns the output of the last layer: the class probabilities
 */
export function forward(
  { layers }: Network,
  input: Float64Array,
  activations: readonly Float64Array[],
): Float64Array {
  let signal = input
  layers.forEach((layer, index) => {
    const output = activations[index] as Float64Array
    multiply(layer, signal, output)
    if (index < layers.length - 1) rectify(output)
    else softmax(output)
    signal = output
  })
  return signal
}

function multiply({ inputs, outputs, weights, biases }: Layer, input: Float64Array, output: Float64Array) {
  const unrolledLength = inputs - (inputs % 4)
  for (let row = 0, at = 0; row < outputs; row++) {
    // Four independent sums run in parallel; a single one would serialize the additions.
    let a = biases[row] as number
    let b = 0
    let c = 0
    let d = 0
    let column = 0
    for (; column < unrolledLength; column += 4, at += 4) {
      a += (weights[at] as number) * (input[column] as number)
      b += (weights[at + 1] as number) * (input[column + 1] as number)
      c += (weights[at + 2] as number) * (input[column + 2] as number)
      d += (weights[at + 3] as number) * (input[column + 3] as number)
    }
    for (; column < inputs; column++, at++) a += (weights[at] as number) * (input[column] as number)
    output[row] = a + b + (c + d)
  }
}

function rectify(values: Float64Array) {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) < 0) values[i] = 0
}

function softmax(values: Float64Array) {
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    const power = Math.exp((values[i] as number) - highest)
    values[i] = power
    sum += power
  }
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) / sum
}
