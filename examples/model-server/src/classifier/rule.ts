import { gaussian, type Random } from '../random.js'

/** Three features. The rule is defined for features in [-RANGE, RANGE]. */
export type Features = readonly [number, number, number]

export const FEATURES = 3
export const RANGE = 5
export const LABELS = ['low', 'medium', 'high'] as const
export type Label = (typeof LABELS)[number]

/** Standard deviation of the noise added to the score. */
const NOISE = 0.25

/** Thresholds between low, medium and high. They divide the data into roughly equal thirds. */
const THRESHOLDS = [-1.8, 0.8] as const

export const RULE =
  'score = 3·sin(1.2·a) + b²/4 − |c| + noise, each feature uniform in [-5, 5], noise normal with standard deviation 0.25; ' +
  'low if score < -1.8, high if score ≥ 0.8, else medium'

/** Returns the score of the rule, without noise. */
export function score([a, b, c]: Features): number {
  return 3 * Math.sin(1.2 * a) + (b * b) / 4 - Math.abs(c)
}

/** Returns the class of a score, as an index into `LABELS`. */
export function classOf(value: number): number {
  if (value < THRESHOLDS[0]) return 0
  return value < THRESHOLDS[1] ? 1 : 2
}

export interface Example {
  readonly features: Features
  /** Class of the score with noise, as an index into `LABELS`. */
  readonly label: number
}

/** Draws examples from the rule. The same random numbers give the same examples. */
export function drawExamples(count: number, random: Random): Example[] {
  const feature = () => (random() * 2 - 1) * RANGE
  return Array.from({ length: count }, () => {
    const features: Features = [feature(), feature(), feature()]
    return { features, label: classOf(score(features) + NOISE * gaussian(random)) }
  })
}
