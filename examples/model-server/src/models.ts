import { type Classifier, type ClassifierPlan, trainClassifier } from './classifier/classifier.js'
import { classOf, drawExamples, type Example, score } from './classifier/rule.js'
import { seededRandom } from './random.js'
import type { Slices } from './slices.js'
import { type LanguageModel, trainLanguageModel } from './text/language-model.js'

/** Amount of data and training. The same plan gives the same models. */
export interface TrainingPlan {
  readonly seed: number
  /** Number of training examples for the classifiers. */
  readonly examples: number
  /** Number of held-out examples for the evaluation. */
  readonly heldOut: number
  readonly lightweight: ClassifierPlan
  readonly heavy: ClassifierPlan
}

/** The plan of the server. The training takes about two seconds on one core. */
export const DEFAULT_PLAN: TrainingPlan = {
  seed: 20261124,
  examples: 4000,
  heldOut: 2000,
  lightweight: { hidden: [16], epochs: 12, rate: 0.04 },
  heavy: { hidden: [128, 128], epochs: 12, rate: 0.015 },
}

/** A plan for tests: the same networks, trained for only a few hundredths of a second. */
export const QUICK_PLAN: TrainingPlan = {
  ...DEFAULT_PLAN,
  examples: 200,
  heldOut: 200,
  lightweight: { ...DEFAULT_PLAN.lightweight, epochs: 3 },
  heavy: { ...DEFAULT_PLAN.heavy, epochs: 1 },
}

export type ClassifierName = 'lightweight' | 'heavy'

export interface EvaluatedClassifier extends Classifier {
  readonly epochs: number
  /** Accuracy on the training examples, from 0 to 1. */
  readonly trainingAccuracy: number
  /** Accuracy on the held-out examples, from 0 to 1. */
  readonly heldOutAccuracy: number
}

export interface Models {
  readonly plan: TrainingPlan
  readonly lightweight: EvaluatedClassifier
  readonly heavy: EvaluatedClassifier
  /** Accuracy of the rule on the held-out examples. Its errors are due to unpredictable noise. */
  readonly ceiling: number
  readonly language: LanguageModel
}

/** Trains all models. */
export function* trainModels(plan: TrainingPlan): Slices<Models> {
  // Each part has its own random numbers, so that a change to one part does not affect the others.
  const examples = drawExamples(plan.examples, seededRandom(plan.seed))
  const heldOut = drawExamples(plan.heldOut, seededRandom(plan.seed + 1))
  // The heavy classifier takes nearly all of the time.
  const language = yield* part(0, 0.02, trainLanguageModel())
  const lightweight = yield* part(
    0.02,
    0.08,
    trainAndEvaluate(plan.lightweight, examples, heldOut, plan.seed + 2),
  )
  const heavy = yield* part(0.08, 1, trainAndEvaluate(plan.heavy, examples, heldOut, plan.seed + 3))
  const correct = heldOut.filter(({ features, label }) => classOf(score(features)) === label)
  return { plan, lightweight, heavy, ceiling: correct.length / heldOut.length, language }
}

function* trainAndEvaluate(
  plan: ClassifierPlan,
  examples: readonly Example[],
  heldOut: readonly Example[],
  seed: number,
): Slices<EvaluatedClassifier> {
  const classifier = yield* trainClassifier(plan, examples, seededRandom(seed))
  const trainingAccuracy = classifier.accuracy(examples)
  yield 1
  const heldOutAccuracy = classifier.accuracy(heldOut)
  return { ...classifier, epochs: plan.epochs, trainingAccuracy, heldOutAccuracy }
}

/** Runs one part of a larger task, and maps its progress to the range from `start` to `end`. */
function* part<Result>(start: number, end: number, work: Slices<Result>): Slices<Result> {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
    yield start + (end - start) * step.value
  }
}
