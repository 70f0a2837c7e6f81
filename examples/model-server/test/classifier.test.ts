import { describe, expect, it } from 'vitest'
import { trainClassifier } from '../src/classifier/classifier.js'
import { createActivations, createNetwork, forward } from '../src/classifier/network.js'
import { classOf, drawExamples, type Features, LABELS, score } from '../src/classifier/rule.js'
import { train } from '../src/classifier/training.js'
import { DEFAULT_PLAN, QUICK_PLAN, trainModels } from '../src/models.js'
import { seededRandom } from '../src/random.js'
import { runInSlices, runToCompletion } from '../src/slices.js'

describe('the rule', () => {
  it('computes the documented score', () => {
    expect(score([0, 2, -3])).toBe(0 + 1 - 3)
    expect(score([1, 0, 0])).toBeCloseTo(3 * Math.sin(1.2), 12)
    expect([-1.81, -1.8, 0.79, 0.8].map((value) => LABELS[classOf(value)])).toEqual([
      'low',
      'medium',
      'medium',
      'high',
    ])
  })

  it('draws the same examples from the same seed, all in range and of all classes', () => {
    const examples = drawExamples(500, seededRandom(7))
    expect(drawExamples(500, seededRandom(7))).toEqual(examples)
    expect(drawExamples(500, seededRandom(8))).not.toEqual(examples)
    expect(examples.every(({ features }) => features.every((value) => Math.abs(value) <= 5))).toBe(true)
    for (const label of [0, 1, 2]) {
      expect(examples.filter((example) => example.label === label).length).toBeGreaterThan(100)
    }
  })
})

describe('a network', () => {
  it('computes its outputs from its weights', () => {
    const network = createNetwork([2, 2, 2], seededRandom(1))
    const [hidden, last] = network.layers
    hidden?.weights.set([1, 2, -1, 0])
    hidden?.biases.set([0.5, 0])
    last?.weights.set([1, 5, 0, 5])
    // The second unit is negative and inactive, which leaves 3.5 against 0.
    const [first, second] = forward(network, Float64Array.of(1, 1), createActivations(network))
    expect(first).toBeCloseTo(Math.exp(3.5) / (Math.exp(3.5) + 1), 12)
    expect(second).toBeCloseTo(1 / (Math.exp(3.5) + 1), 12)
  })

  it('learns classes that are not linearly separable', () => {
    const network = createNetwork([2, 8, 2], seededRandom(3))
    const corners = [0, 1, 2, 3].map((bits) => ({
      input: Float64Array.of((bits & 1) * 2 - 1, (bits & 2) - 1),
      label: bits === 1 || bits === 2 ? 1 : 0,
    }))
    runToCompletion(train(network, corners, { epochs: 300, rate: 0.05 }, seededRandom(4)))
    for (const { input, label } of corners) {
      expect(forward(network, input, createActivations(network))[label]).toBeGreaterThan(0.95)
    }
  })

  it('learns the same weights in slices as without pauses', async () => {
    const examples = drawExamples(300, seededRandom(1))
    const work = () => trainClassifier({ hidden: [32], epochs: 5, rate: 0.02 }, examples, seededRandom(2))
    const progress: number[] = []
    const whole = runToCompletion(work())
    const sliced = await runInSlices(work(), (done) => progress.push(done))
    for (const { features } of examples) expect(sliced.predict(features)).toEqual(whole.predict(features))
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
  })
})

describe('the classifiers of the server', () => {
  const { lightweight, heavy, ceiling } = runToCompletion(trainModels(DEFAULT_PLAN))

  it('predict with the expected accuracy, the heavy one more accurately', () => {
    expect(lightweight.heldOutAccuracy).toBeGreaterThan(0.78)
    expect(heavy.heldOutAccuracy).toBeGreaterThan(0.9)
    expect(heavy.heldOutAccuracy).toBeGreaterThan(lightweight.heldOutAccuracy + 0.03)
    expect(ceiling).toBeGreaterThan(heavy.heldOutAccuracy)
  })

  it('learn the rule rather than the noise of the examples', () => {
    const fresh = drawExamples(1000, seededRandom(99))
    for (const classifier of [lightweight, heavy]) {
      expect(classifier.trainingAccuracy - classifier.accuracy(fresh)).toBeLessThan(0.05)
    }
  })

  it('differ in their multiplications by a factor of over a hundred', () => {
    expect(lightweight.multiplications).toBe(3 * 16 + 16 * 3)
    expect(heavy.multiplications).toBe(3 * 128 + 128 * 128 + 128 * 3)
    expect(heavy.multiplications / lightweight.multiplications).toBeGreaterThan(100)
    expect(lightweight.parameters).toBe(lightweight.multiplications + 16 + 3)
  })

  it('return probabilities and the most likely label', () => {
    for (const { features } of drawExamples(50, seededRandom(5))) {
      const { prediction, probabilities } = heavy.predict(features)
      const shares = LABELS.map((label) => probabilities[label])
      expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
      expect(probabilities[prediction]).toBe(Math.max(...shares))
    }
  })

  it('clamp any finite number to the training range', () => {
    const far: Features = [Number.MAX_VALUE, -1e300, 0]
    expect(heavy.predict(far)).toEqual(heavy.predict([5, -5, 0]))
  })

  it('are the same for the same plan, and differ for another seed', () => {
    const [first, same, other] = [0, 0, 1].map((more) =>
      runToCompletion(trainModels({ ...QUICK_PLAN, seed: QUICK_PLAN.seed + more })),
    )
    const features: Features = [1, 2, 3]
    expect(same?.heavy.predict(features)).toEqual(first?.heavy.predict(features))
    expect(other?.heavy.predict(features)).not.toEqual(first?.heavy.predict(features))
  })
})
