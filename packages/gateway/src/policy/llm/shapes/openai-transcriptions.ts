import { RequestError } from 'sluice'
import { audioSeconds } from '../request/audio-seconds.js'
import { own } from '../request/json-fields.js'
import { tokenCount } from '../usage.js'
import { hasError } from './error-body.js'
import { textsIn } from './output-text.js'
import type { Reading, Shape } from './shape.js'

/** Tokens per second of audio, about what OpenAI's transcription models report. */
const TOKENS_PER_SECOND = 10

/** Maximum length that an answer can report, in seconds: a month. */
const MAX_SECONDS = 2_678_400

/**
 * The shape of `POST /v1/audio/transcriptions` and `/v1/audio/translations`:
 * https://platform.openai.com/docs/api-reference/audio. It counts the seconds of the audio: first an
 * estimate, then the length that the answer reports.
 */
export const openAITranscriptions: Shape = {
  name: 'openai-transcriptions',
  vendor: 'openai',
  operation: 'generate_content',
  usageOnRequest: false,
  counts: ['audio_seconds'],
  hasPlainAnswers: true,
  readRequest() {
    throw new RequestError('the request body must be multipart/form-data', 415)
  },
  readForm(form, input) {
    const [file, second] = form.files('file')
    if (file === undefined || second !== undefined) throw new RequestError("'file' must be a single file")
    const seconds = audioSeconds(file)
    input.addTokens(seconds * TOKENS_PER_SECOND)
    input.addText(form.text('prompt') ?? '')
    return {
      model: form.text('model'),
      stream: form.text('stream')?.toLowerCase() === 'true',
      wantsUsage: true,
      maxOutput: undefined,
      answers: 1,
      audioSeconds: seconds,
    }
  },
  readResponse: read,
  readEvent: read,
}

function read(value: unknown): Reading | undefined {
  const failed = hasError(value)
  const type = own(value, 'type')
  const isEvent = typeof type === 'string' && type.startsWith('transcript.text.')
  if (typeof own(value, 'text') !== 'string' && !isEvent && !failed) return undefined
  const usage = own(value, 'usage')
  return {
    usage: {
      input: tokenCount(usage, 'input_tokens'),
      output: tokenCount(usage, 'output_tokens'),
      total: tokenCount(usage, 'total_tokens'),
      audioSeconds: secondsOf(own(usage, 'seconds') ?? own(value, 'duration')),
    },
    texts: textsIn(value, type === 'transcript.text.delta' ? ['delta'] : ['text']),
    failed,
    // The last event repeats the text of all others.
    ...(type === 'transcript.text.done' && { repeats: true }),
  }
}

/** Reads a length, which some servers send as a string. */
function secondsOf(value: unknown): number | undefined {
  const seconds = typeof value === 'string' ? Number.parseFloat(value) : value
  return typeof seconds === 'number' && seconds > 0 && seconds <= MAX_SECONDS ? seconds : undefined
}
