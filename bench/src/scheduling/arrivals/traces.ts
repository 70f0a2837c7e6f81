import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Arrival } from './arrival.js'
import { generatedLengths, type LengthSource, recordedLengths } from './lengths.js'

/** Recorded workloads in a folder that is not part of the project. */
export class Traces {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Returns the arena trace of Sheng et al., "Fairness in Serving Large Language Models" (OSDI'24):
   * 1,500 requests of 27 clients in 600 seconds. `undefined` if the folder lacks it.
   */
  arena(): Arrival[] | undefined {
    const file = join(this.#folder, 'arena_real_trace.csv')
    if (!existsSync(file)) return undefined
    const lines = readFileSync(file, 'utf8').trim().split('\n').slice(1)
    return lines.map((line) => {
      const [at, tenant, input, output] = line.split(',')
      return { at: Number(at) * 1000, tenant: tenant as string, input: Number(input), output: Number(output) }
    })
  }

  /**
   * Returns the lengths of the chat requests of the Azure trace of 2023, or generated lengths with
   * about the same median and 95th percentile if the folder lacks it.
   */
  chat(): LengthSource {
    return (
      this.#azure('conv') ??
      generatedLengths({ median: 1_020, sigma: 1, max: 14_000 }, { median: 129, sigma: 0.8, max: 1_000 })
    )
  }

  /** Returns the lengths of the code completions of the Azure trace of 2023, or similar ones. */
  code(): LengthSource {
    return (
      this.#azure('code') ??
      generatedLengths({ median: 1_500, sigma: 0.9, max: 7_500 }, { median: 13, sigma: 1.2, max: 1_900 })
    )
  }

  /** Says where the lengths of `chat()` and `code()` come from. */
  get source(): string {
    return this.#azure('conv') === undefined ? 'generated lengths' : 'lengths of the Azure trace of 2023'
  }

  #azure(kind: 'conv' | 'code'): LengthSource | undefined {
    const file = join(this.#folder, `AzureLLMInferenceTrace_${kind}.csv`)
    return existsSync(file) ? recordedLengths(file) : undefined
  }
}
