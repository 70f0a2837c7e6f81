import type { Fields } from '../request/json-fields.js'
import type { TokenCounter } from '../token-counter.js'
import type { Usage } from '../usage.js'

/** What a request asks for. */
export interface Asked {
  readonly model: string | undefined
  readonly stream: boolean
  /** Whether the client asked for an event with the usage in the stream. */
  readonly wantsUsage: boolean
  /** The most tokens that each answer may have; undefined where the request leaves it open. */
  readonly maxOutput: number | undefined
  /** How many answers it asks for, 1 or more. */
  readonly answers: number
  /** `true`: the upstream works on when its answer has been cut. */
  readonly background?: boolean
}

/** What a whole answer, or one event of a stream, says. */
export interface Reading {
  readonly usage: Usage
  /** What the model wrote in it. */
  readonly texts: readonly string[]
  /** It says that the upstream failed. */
  readonly failed: boolean
  /** The same by answer, where an event says which of several answers its parts belong to. */
  readonly choices?: readonly ChoiceReading[] | undefined
  /** `true`: the texts repeat what was written before, from its beginning. */
  readonly repeats?: boolean | undefined
  /** Which part of the answer the texts are of, where a stream says the same text in several events. */
  readonly item?: ItemReading | undefined
  /** `true`: the upstream works on, and does not know yet what it will have cost. */
  readonly unfinished?: boolean | undefined
}

/** Where the texts of an event belong. */
export interface ItemReading {
  /** Of the item in the answer. */
  readonly index: number
  /** `delta`: the text goes on. Otherwise it repeats what events of other levels have said, if they were sent. */
  readonly level: 'delta' | 'text' | 'part' | 'item'
}

/** What an event says of one of several answers. */
export interface ChoiceReading {
  readonly index: number
  readonly texts: readonly string[]
  /** What is told of this answer alone. */
  readonly usage: Usage
}

/** How one API writes its requests and answers. Reads untrusted data: bounded by its size, whatever is in it. */
export interface Shape {
  readonly name: string
  /**
   * Whether a stream tells its usage only to a request that asks for it with `stream_options.include_usage`, in a last
   * event of its own.
   */
  readonly usageOnRequest: boolean
  /**
   * Reads a request and counts its input.
   *
   * @throws RequestError that names the field which is wrong.
   */
  ask(body: Fields, input: TokenCounter): Asked
  /** Reads a whole answer; undefined where it is none of this shape. */
  answer(body: unknown): Reading | undefined
  /** Reads an event's data; undefined where it is none of this shape. */
  event(data: unknown): Reading | undefined
}
