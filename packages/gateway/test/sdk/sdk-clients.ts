import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import { ChatOpenAI } from '@langchain/openai'
import { APICallError, generateText, RetryError } from 'ai'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import OpenAI7 from 'openai-7'

/** A vendor's SDK with its default options. */
export interface SdkClient {
  readonly name: string
  /**
   * Sends one small chat request, with everything that the SDK does on its own, such as retries.
   *
   * @param retries overrides the default number of retries
   */
  chat(url: string, apiKey: string, retries?: number): Promise<unknown>
  /** Returns the request ID that an error of the SDK carries. */
  requestIdOf(error: unknown): unknown
  /** The member of an error that distinguishes its kinds; undefined if there is none. */
  codeOf?(error: unknown): unknown
  /** Total number of attempts for a server error, by default. */
  readonly attempts: number
  /** True if the SDK never retries, by default. */
  readonly neverRetries?: boolean
  /** True if the SDK retries every 429, whatever the response says. */
  readonly ignoresHints?: boolean
}

const TEXT = 'Say hello.'
const messages = [{ role: 'user' as const, content: TEXT }]
const member = (name: string) => (error: unknown) => (error as Record<string, unknown>)[name]

/** Returns the ID that is only part of the message. */
const idInMessage = (error: unknown) => /request ID: ([0-9a-f-]+)/.exec(String(error))?.[1]

const openAI = (name: string, Client: typeof OpenAI | typeof OpenAI7): SdkClient => ({
  name,
  chat: (url, apiKey) =>
    new (Client as typeof OpenAI)({ baseURL: `${url}/v1`, apiKey }).chat.completions.create({
      model: 'm',
      messages,
    }),
  requestIdOf: member('requestID'),
  codeOf: member('code'),
  attempts: 3,
})

export const SDK_CLIENTS: readonly SdkClient[] = [
  openAI('openai 6', OpenAI),
  openAI('openai 7', OpenAI7),
  {
    name: '@anthropic-ai/sdk',
    chat: (baseURL, apiKey) =>
      new Anthropic({ baseURL, apiKey }).messages.create({ model: 'm', max_tokens: 10, messages }),
    requestIdOf: member('requestID'),
    attempts: 3,
  },
  {
    name: 'ai',
    chat(url, apiKey) {
      const provider = createOpenAICompatible({ name: 'sluice', baseURL: `${url}/v1`, apiKey })
      return generateText({ model: provider('m'), prompt: TEXT })
    },
    requestIdOf(error) {
      const last = RetryError.isInstance(error) ? error.lastError : error
      return APICallError.isInstance(last) ? last.responseHeaders?.['x-request-id'] : undefined
    },
    attempts: 3,
    ignoresHints: true,
  },
  {
    name: '@langchain/openai',
    chat: (url, apiKey, retries) =>
      new ChatOpenAI({
        ...{ model: 'm', apiKey, configuration: { baseURL: `${url}/v1` } },
        ...(retries !== undefined && { maxRetries: retries }),
      }).invoke(TEXT),
    requestIdOf: member('requestID'),
    codeOf: member('code'),
    attempts: 7,
  },
  {
    name: 'ollama',
    chat: (host, apiKey) =>
      new Ollama({ host, headers: { authorization: `Bearer ${apiKey}` } }).chat({ model: 'm', messages }),
    requestIdOf: idInMessage,
    attempts: 1,
    neverRetries: true,
  },
  {
    name: '@google/genai',
    chat: (baseUrl, apiKey) =>
      new GoogleGenAI({ apiKey, httpOptions: { baseUrl } }).models.generateContent({
        model: 'm',
        contents: TEXT,
      }),
    requestIdOf: idInMessage,
    attempts: 1,
    neverRetries: true,
  },
]
