// Names and values that the protocols define for the server and not for the model. Everything else
// is counted.

/**
 * Values that describe a message or a part, by member. Other values of these members count as text.
 */
const WORDS: ReadonlyMap<string, ReadonlySet<unknown>> = new Map(
  Object.entries({
    role: ['system', 'developer', 'user', 'assistant', 'tool', 'function', 'model'],
    type: [
      ...['text', 'input_text', 'output_text', 'summary_text', 'reasoning_text', 'refusal', 'message'],
      ...['image_url', 'input_image', 'image', 'input_audio', 'audio', 'video_url', 'video', 'url', 'base64'],
      ...['file', 'input_file', 'document', 'content', 'computer_screenshot', 'ephemeral', 'item_reference'],
      ...['function', 'function_call', 'function_call_output', 'custom', 'custom_tool_call'],
      ...['custom_tool_call_output', 'tool_use', 'tool_result', 'thinking', 'redacted_thinking', 'reasoning'],
      ...['json_object', 'json_schema', 'json'],
    ],
    status: ['in_progress', 'completed', 'incomplete'],
    detail: ['auto', 'low', 'high', 'original'],
    ttl: ['5m', '1h'],
  }).map(([name, words]) => [name, new Set<unknown>(words)]),
)

/** Reports whether a member belongs to the protocol. The index of a part also does. */
export function isProtocolWord(name: string, value: unknown): boolean {
  if (name === 'index') return typeof value === 'number'
  return WORDS.get(name)?.has(value) === true
}

/** Names of the members of messages and of their parts. */
export const PROTOCOL_NAMES: ReadonlySet<string> = new Set([
  ...['role', 'name', 'content', 'type', 'text', 'title', 'context', 'refusal', 'audio', 'transcript'],
  ...['id', 'call_id', 'tool_call_id', 'tool_use_id', 'tool_name', 'tool_calls', 'function', 'function_call'],
  ...[
    'arguments',
    'input',
    'output',
    'parameters',
    'custom',
    'is_error',
    'status',
    'index',
    'source',
    'data',
  ],
  ...['image_url', 'image', 'images', 'input_audio', 'video_url', 'url', 'file', 'file_id', 'file_data'],
  ...['file_url', 'filename', 'format', 'media_type', 'detail', 'cache_control', 'ttl', 'citations'],
  ...['thinking', 'signature', 'reasoning', 'reasoning_content', 'reasoning_details', 'summary'],
  ...[
    'encrypted_content',
    'annotations',
    'prefix',
    'document',
    'documents',
    'json_schema',
    'schema',
    'strict',
  ],
])

/** Members that contain the arguments of a tool call. */
export const CALL_INPUTS: ReadonlySet<string> = new Set(['arguments', 'input', 'parameters'])

/** Members of a request that no model reads. */
const SETTINGS: ReadonlySet<string> = new Set([
  ...['model', 'user', 'metadata', 'stream_options', 'logit_bias', 'modalities', 'audio', 'store', 'include'],
  ...['service_tier', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'encoding_format'],
  ...['reasoning_effort', 'verbosity', 'reasoning', 'thinking', 'truncation', 'previous_response_id'],
  ...['conversation', 'keep_alive', 'options', 'cache_control'],
])

/** Maximum length of the value of a setting, in characters. Longer values count as text. */
const MAX_SETTING_LENGTH = 256

/** Reports whether a member of a request is a setting that no model reads. */
export function isSetting(name: string, value: unknown): boolean {
  return SETTINGS.has(name) && (typeof value !== 'string' || value.length <= MAX_SETTING_LENGTH)
}
