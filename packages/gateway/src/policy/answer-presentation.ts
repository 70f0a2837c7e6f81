import type { ErrorShape, Presentation } from 'sluice/http'
import { answerRewriter } from './answer-template.js'
import { type GatewayConfig, type PolicyConfig, policiesOf } from './config/config.js'
import { vendorOfPath } from './llm/shapes/shapes.js'

/**
 * Returns the error format of an answer.
 *
 * @param url the request target as received
 * @param isAnthropic true if the client stated a version of Anthropic's API
 */
export type ErrorShapeFinder = (url: string, isAnthropic: boolean) => ErrorShape | undefined

/**
 * Returns how answers are written for requests whose route is unknown. If any route meters model
 * calls, the path determines the error format.
 */
export function unroutedPresentation(
  config: Pick<GatewayConfig, 'routes' | 'fallback' | 'answers'>,
): (url: string, isAnthropic: boolean) => Presentation {
  const hasModels = policiesOf(config).some(({ llm }) => llm !== undefined)
  const rewrite = answerRewriter(config.answers ?? {})
  return (url, isAnthropic) => {
    const errorShape = hasModels ? guessErrorShape(url, isAnthropic) : undefined
    return { ...(errorShape && { errorShape }), ...(rewrite && { rewrite }) }
  }
}

/** Finds the format of the vendor's API that a path belongs to. */
export const guessErrorShape: ErrorShapeFinder = (url, isAnthropic) =>
  isAnthropic ? 'anthropic' : vendorOfPath(url.split('?', 1)[0] as string)

/** Returns how the gateway's own answers on a route are written. */
export function presentationOf(
  { errorShape, maxRetryWaitMs, answers }: PolicyConfig,
  file: Pick<GatewayConfig, 'answers'>,
): Presentation {
  const rewrite = answerRewriter({ ...file.answers, ...answers }, maxRetryWaitMs)
  return {
    ...(errorShape && { errorShape: fixedErrorShape(errorShape) }),
    ...(rewrite && { rewrite }),
  }
}

/** Returns the format for paths that no API has: most APIs resemble that of OpenAI. */
export function fixedErrorShape(errorShape: ErrorShape | 'auto'): ErrorShape {
  return errorShape === 'auto' ? 'openai' : errorShape
}
