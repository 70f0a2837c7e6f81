/** A request that arrived at the gateway. Times are in milliseconds of the trace. */
export interface LoggedRequest {
  readonly tenant: string
  readonly arrivedAt: number
  /** When the gateway sent it to the server, refused it, or lost its client. */
  readonly decidedAt: number
  /** Undefined if it was never sent. */
  readonly sentAt: number | undefined
  /** When its first token was written. Undefined if it never was. */
  readonly beganAt: number | undefined
  /** When it was complete. Undefined if it never was. */
  readonly endedAt: number | undefined
  readonly input: number
  readonly output: number
  /** Weighted tokens. */
  readonly service: number
}

/** Weights of input and output tokens in the service of a request, as in the OSDI 2024 paper on fair serving. */
const INPUT_WEIGHT = 1
const OUTPUT_WEIGHT = 2

/** Maximum number of requests: 112 MB. */
export const MAX_LOGGED = 2_000_000

/** Maximum number of tenants that are told apart. */
const MAX_TENANTS = 100_000
const OTHERS = '(others)'

/** Base-2 logarithm of the number of rows per page. */
const PAGE_BITS = 12

const TENANT = 0
const ARRIVED = 1
const DECIDED = 2
const SENT = 3
const BEGAN = 4
const ENDED = 5
const INPUT = 6
const OUTPUT = 7
const NUMBERS_PER_ROW = 8

/** Keeps the times of all requests in arrays of numbers. */
export class ServedLog implements Iterable<LoggedRequest> {
  readonly #pages: Float64Array[] = []
  readonly #tenants: string[] = [OTHERS]
  readonly #tenantNumbers = new Map<string, number>()
  #length = 0

  get length(): number {
    return this.#length
  }

  get isFull(): boolean {
    return this.#length >= MAX_LOGGED
  }

  /** Adds a request and returns its row. */
  arrived(tenant: string, at: number, input: number, output: number): number {
    const row = this.#length++
    const page = row >>> PAGE_BITS
    if (page === this.#pages.length)
      this.#pages.push(new Float64Array(NUMBERS_PER_ROW << PAGE_BITS).fill(Number.NaN))
    this.#set(row, TENANT, this.#numberOf(tenant))
    this.#set(row, ARRIVED, at)
    this.#set(row, DECIDED, at)
    this.#set(row, INPUT, input)
    this.#set(row, OUTPUT, output)
    return row
  }

  /** Notes that a request was refused, or that its client stopped waiting. */
  leftOut(row: number, at: number): void {
    this.#set(row, DECIDED, at)
  }

  sent(row: number, at: number): void {
    this.#set(row, DECIDED, at)
    this.#set(row, SENT, at)
  }

  began(row: number, at: number): void {
    this.#set(row, BEGAN, at)
  }

  ended(row: number, at: number): void {
    this.#set(row, ENDED, at)
  }

  *[Symbol.iterator](): IterableIterator<LoggedRequest> {
    for (let row = 0; row < this.#length; row++) {
      const input = this.#get(row, INPUT)
      const output = this.#get(row, OUTPUT)
      yield {
        tenant: this.#tenants[this.#get(row, TENANT)] as string,
        arrivedAt: this.#get(row, ARRIVED),
        decidedAt: this.#get(row, DECIDED),
        sentAt: orUndefined(this.#get(row, SENT)),
        beganAt: orUndefined(this.#get(row, BEGAN)),
        endedAt: orUndefined(this.#get(row, ENDED)),
        ...{ input, output, service: INPUT_WEIGHT * input + OUTPUT_WEIGHT * output },
      }
    }
  }

  #numberOf(tenant: string): number {
    const known = this.#tenantNumbers.get(tenant)
    if (known !== undefined) return known
    if (this.#tenants.length > MAX_TENANTS) return 0
    this.#tenantNumbers.set(tenant, this.#tenants.length)
    return this.#tenants.push(tenant) - 1
  }

  #get(row: number, column: number): number {
    return (this.#pages[row >>> PAGE_BITS] as Float64Array)[offsetOf(row, column)] as number
  }

  #set(row: number, column: number, value: number): void {
    const page = this.#pages[row >>> PAGE_BITS] as Float64Array
    page[offsetOf(row, column)] = value
  }
}

function offsetOf(row: number, column: number): number {
  return (row & ((1 << PAGE_BITS) - 1)) * NUMBERS_PER_ROW + column
}

function orUndefined(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value
}
