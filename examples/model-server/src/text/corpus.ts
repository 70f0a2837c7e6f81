import { ON_BATCHES } from './corpus/batches.js'
import { ON_LIMITS } from './corpus/limits.js'
import { ON_OPERATION } from './corpus/operation.js'
import { ON_TENANTS } from './corpus/tenants.js'
import { ON_TOKENS } from './corpus/tokens.js'

/**
 * Corpus of the language model: prose about serving models. One string per paragraph, without line
 * breaks.
 */
export const CORPUS: readonly string[] = [ON_LIMITS, ON_BATCHES, ON_TOKENS, ON_OPERATION, ON_TENANTS]
  .flatMap((topic) => topic.trim().split(/\n{2,}/))
  .map((paragraph) => paragraph.replaceAll('\n', ' '))
