import { FEATURES, LABELS, RANGE, RULE } from '../classifier/rule.js'
import type { EvaluatedClassifier, Models } from '../models.js'
import { MAX_BATCH_ROWS } from './rows.js'

/** Returns the body of GET /model-info: sizes, training and accuracy of the models. */
export function modelInfo({ plan, lightweight, heavy, ceiling, language }: Models) {
  return {
    classifiers: { lightweight: classifierInfo(lightweight), heavy: classifierInfo(heavy) },
    data: {
      rule: RULE,
      features: FEATURES,
      range: [-RANGE, RANGE],
      labels: LABELS,
      seed: plan.seed,
      training_examples: plan.examples,
      held_out_examples: plan.heldOut,
      // The accuracy of the rule itself, since no model can predict the noise.
      best_possible_accuracy: ceiling,
      batch_limit: MAX_BATCH_ROWS,
    },
    language_model: {
      name: 'trigram',
      kind: 'interpolated trigram model over words',
      vocabulary: language.tokenizer.size,
      training_tokens: language.trainingTokens,
      contexts: language.contexts,
      held_out_perplexity: language.perplexity,
    },
  }
}

function classifierInfo(classifier: EvaluatedClassifier) {
  const { layers, parameters, multiplications, epochs, trainingAccuracy, heldOutAccuracy } = classifier
  return {
    layers,
    parameters,
    multiplications_per_prediction: multiplications,
    epochs,
    training_accuracy: trainingAccuracy,
    held_out_accuracy: heldOutAccuracy,
  }
}
