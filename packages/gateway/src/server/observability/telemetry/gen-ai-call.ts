import type { Attributes } from '@opentelemetry/api'
import type { LlmCall } from '../../../policy/llm/llm-call.js'

/** Maximum length of the name of a model, in UTF-16 code units. Names come from clients. */
const MAX_MODEL = 100

/** The providers of the GenAI semantic conventions whose names differ from those of the shapes. */
const PROVIDERS: Readonly<Record<string, string>> = {
  gemini: 'gcp.gemini',
  bedrock: 'aws.bedrock',
}

/** Returns the attributes that name the operation and the API of a call, for spans and metrics. */
export function operationOf({ options: { shape } }: LlmCall): Attributes {
  return {
    'gen_ai.operation.name': shape.operation,
    'gen_ai.provider.name': PROVIDERS[shape.vendor ?? ''] ?? shape.vendor ?? 'custom',
  }
}

/** Returns the attributes of a call that are known before its answer, for spans. */
export function callAttributes(call: LlmCall): Attributes {
  const { model, maxOutput, stream } = call.parameters
  return {
    ...operationOf(call),
    ...(model !== undefined && { 'gen_ai.request.model': model.slice(0, MAX_MODEL) }),
    ...(maxOutput !== undefined && { 'gen_ai.request.max_tokens': maxOutput }),
    'gen_ai.request.stream': stream,
  }
}
