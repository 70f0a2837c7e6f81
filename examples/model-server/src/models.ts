import { type Classifier, type ClassifierPlan, trainClassifier } from './classifier/classifier.js'
import { classOf, drawExamples, type Example, score } from './classifier/rule.js'
import { seededRandom } from './random.js'
import type { Slices } from './slices.js'
import { type LanguageModel, trainLanguageModel } from './text/language-model.js'

/** What to train on and for how long. The same plan gives the same models. */
export interface TrainingPlan {
  readonly seed: number
  /** How many examples the classifiers learn from. */
  readonly examples: number
  /** How many other examples they are judged by. */
  readonly heldOut: number
  readonly lightweight: ClassifierPlan
  readonly heavy: ClassifierPlan
}

/** About two seconds on one core. */
export const DEFAULT_PLAN: TrainingPlan = {
  seed: 20261124,
  examples: 4000,
  heldOut: 2000,
  lightweight: { hidden: [16], epochs: 12, rate: 0.04 },
  heavy: { hidden: [128, 128], epochs: 12, rate: 0.015 },
}

/** The same networks, hardly trained: a few hundredths of a second, for tests of something else than the models. */
export const QUICK_PLAN: TrainingPlan = {
  ...DEFAULT_PLAN,
  examples: 200,
  heldOut: 200,
  lightweight: { ...DEFAULT_PLAN.lightweight, epochs: 3 },
  heavy: { ...DEFAULT_PLAN.heavy, epochs: 1 },
}

export type ClassifierName = 'lightweight' | 'heavy'

export interface JudgedClassifier extends Classifier {
  readonly epochs: number
  /** The share that it predicts right of what it learned from, from 0 to 1. */
  readonly trainingAccuracy: number
  /** The share that it predicts right of what it has never seen, from 0 to 1. */
  readonly heldOutAccuracy: number
}

export interface Models {
  readonly plan: TrainingPlan
  readonly lightweight: JudgedClassifier
  readonly heavy: JudgedClassifier
  /** How often the rule itself is right about the held-out examples. The rest is noise that nobody can predict. */
  readonly ceiling: number
  readonly language: LanguageModel
}

/** Trains everything that is served. */
export function* trainModels(plan: TrainingPlan): Slices<Models> {
  // Each part has random numbers of its own, so that a change of one leaves the others as they were.
  const examples = drawExamples(plan.examples, seededRandom(plan.seed))
  const heldOut = drawExamples(plan.heldOut, seededRandom(plan.seed + 1))
  // The heavy classifier takes nearly all of the time.
  const language = yield* part(0, 0.02, trainLanguageModel())
  const lightweight = yield* part(0.02, 0.08, judged(plan.lightweight, examples, heldOut, plan.seed + 2))
  const heavy = yield* part(0.08, 1, judged(plan.heavy, examples, heldOut, plan.seed + 3))
  const right = heldOut.filter(({ features, label }) => classOf(score(features)) === label)
  return { plan, lightweight, heavy, ceiling: right.length / heldOut.length, language }
}

function* judged(
  plan: ClassifierPlan,
  examples: readonly Example[],
  heldOut: readonly Example[],
  seed: number,
): Slices<JudgedClassifier> {
  const classifier = yield* trainClassifier(plan, examples, seededRandom(seed))
  const trainingAccuracy = classifier.accuracy(examples)
  yield 1
  const heldOutAccuracy = classifier.accuracy(heldOut)
  return { ...classifier, epochs: plan.epochs, trainingAccuracy, heldOutAccuracy }
}

/** The work as one part of a larger one, whose progress it takes from `start` to `end`. */
function* part<Result>(start: number, end: number, work: Slices<Result>): Slices<Result> {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
    yield start + (end - start) * step.value
  }
}
