import type { MultipartForm } from '../../body/multipart-form.js'
import type { Fields } from '../request/json-fields.js'
import type { TokenCounter } from '../token-counter.js'
import type { Usage } from '../usage.js'
import type { CallWork, WorkUnit } from '../work.js'
import type { ModelFinder } from './path-model.js'
import type { StreamEnding } from './stream-ending.js'

/** A vendor with an API, whose SDKs read errors and headers in the vendor's form. */
export type Vendor = 'openai' | 'anthropic' | 'ollama' | 'gemini' | 'bedrock'

/** The kind of a call, in the terms of OpenTelemetry's semantic conventions for generative AI. */
type Operation = 'chat' | 'text_completion' | 'embeddings' | 'generate_content'

/** The parts of a request that affect its cost. */
export interface CallParameters extends CallWork {
  readonly model: string | undefined
  readonly stream: boolean
  /** True if the client requested an event with the usage. */
  readonly wantsUsage: boolean
  /** The maximum output tokens of each answer; undefined if the request states none. */
  readonly maxOutput: number | undefined
  /** The number of answers, 1 or more. */
  readonly answers: number
  /** `true` if the upstream continues after a truncated response. */
  readonly background?: boolean
}

/** The content of a whole response, or of one event. */
export interface Reading {
  readonly usage: Usage
  /** The pieces of text that the model wrote. */
  readonly texts: readonly string[]
  /** True if the response or event reports an error. */
  readonly failed: boolean
  /** The content of each answer, if the event states which answer each part belongs to. */
  readonly choices?: readonly ChoiceReading[] | undefined
  /** `true` if `texts` repeats all earlier text. */
  readonly repeats?: boolean | undefined
  /** The item that the text belongs to, if a stream repeats text in several events. */
  readonly item?: ItemReading | undefined
  /** `true` if the upstream is still working and does not yet know the cost. */
  readonly unfinished?: boolean | undefined
}

/** The position of an event's text. */
export interface ItemReading {
  /** Index of the item in the response. */
  readonly index: number
  /** `delta` continues the text. The other levels repeat the text of lower levels. */
  readonly level: 'delta' | 'text' | 'part' | 'item'
}

/** The content of one answer in an event. */
export interface ChoiceReading {
  readonly index: number
  readonly texts: readonly string[]
  /** The usage of this answer only. */
  readonly usage: Usage
}

/**
 * Reads the requests and responses of one API. All input is untrusted. Reading takes time linear in
 * the size of the input.
 */
export interface Shape {
  /** The JSON pointer to the model in a request. Default: `/model`. */
  readonly modelPointer?: string | undefined
  /** Finds the model in the path of a request; absent if the body names it. */
  readonly modelIn?: ModelFinder
  readonly name: string
  /** Undefined for a custom shape. */
  readonly vendor: Vendor | undefined
  readonly operation: Operation
  /** `true` if no model runs for a call, so that it costs nothing. */
  readonly isFree?: boolean
  /** The vendor whose error format fits a shape without a vendor. Default: that of OpenAI. */
  readonly errors?: Vendor
  /**
   * True if a stream reports its usage only if the request has `stream_options.include_usage`, in a
   * separate last event.
   */
  readonly usageOnRequest: boolean
  /** `true` if a stream can be one JSON list with an item per event. */
  readonly streamsList?: boolean
  /** The units of work that each call has. */
  readonly counts?: readonly WorkUnit[]
  /** Creates what ends a stream before its end; absent if the API has no such end. */
  readonly endingOf?: () => StreamEnding
  /** `true` if an answer may be audio or plain text, which is not read. */
  readonly hasPlainAnswers?: boolean
  /**
   * Reads a request and counts its input.
   *
   * @param path the decoded path of the request, for APIs that name the model in it
   * @throws RequestError that names the invalid member
   */
  readRequest(body: Fields, input: TokenCounter, path: string): CallParameters
  /**
   * Reads a form with files and counts its input; absent if the API accepts only JSON.
   *
   * @throws RequestError that names the invalid field
   */
  readForm?(form: MultipartForm, input: TokenCounter, path: string): CallParameters
  /** Reads a whole response; undefined if it has another shape. */
  readResponse(body: unknown): Reading | undefined
  /** Reads the data of an event; undefined if it has another shape. */
  readEvent(data: unknown): Reading | undefined
}

/** Finds the shape of a request by its decoded path; undefined if no API has such a path. */
export type ShapeFinder = (path: string) => Shape | undefined
