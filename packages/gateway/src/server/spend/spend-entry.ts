import type { Client } from 'sluice'
import { dayAt, type Month, monthOf } from './months.js'

/** What requests have spent. */
export interface Spend {
  /** In units of 10^-9 of the currency. */
  readonly amount: bigint
  readonly requests: number
  /** Tokens. `input` includes `cached`. */
  readonly input: number
  readonly cached: number
  readonly output: number
}

/** What the spend of an entry belongs to. Requests that agree in all of it share an entry. */
export interface SpendKey {
  /** The day in UTC, such as `2026-11-05`. */
  readonly day: string
  /** The ID of the client; empty for anonymous requests. */
  readonly client: string
  /** The labels of the client by name. The values of a list are joined. */
  readonly labels: Readonly<Record<string, string>>
  /** Empty if the request names no model. */
  readonly model: string
  readonly route: string
  readonly currency: string
}

/** The spend of an encoded key. The key does not contain the month. */
export interface SpendEntry {
  readonly month: Month
  readonly key: string
  readonly spend: Spend
}

/** What one request has spent, as its settlement reports it. */
export interface RequestSpend extends Omit<Spend, 'requests' | 'amount'> {
  /** Units of 10^-9 of the currency. */
  readonly units: number
  readonly currency: string
  /** Undefined for an anonymous request. */
  readonly client: Client | undefined
  readonly model: string | undefined
  readonly route: string
}

/** The largest amount of an entry: that of a signed integer of 64 bits. */
export const MAX_AMOUNT = 2n ** 63n - 1n

/** The client, the model and the route of the entry for what finds no room in the ledger. */
export const OTHER = 'other'

/** The client of entries whose client was forgotten. */
export const FORGOTTEN = 'forgotten'

/** Maximum lengths in UTF-16 code units. Longer names are cut. */
const MAX_CLIENT = 256
const MAX_NAME = 256

/** Maximum length of all labels of an entry. Labels that do not fit are left out. */
const MAX_LABELS = 1000

/** Labels that have room before the others. */
const FIRST_LABELS: readonly string[] = ['org', 'team', 'project']

/** Returns the entry of one request that was settled at a time, in milliseconds since the epoch. */
export function entryOf(spent: RequestSpend, now: number): SpendEntry {
  const { units, currency, client, model = '', route, input, cached, output } = spent
  const day = dayAt(now)
  const key = encodeKey({
    day,
    client: client === undefined ? '' : client.id.slice(0, MAX_CLIENT),
    labels: labelsOf(client),
    model: model.slice(0, MAX_NAME),
    route: route.slice(0, MAX_NAME),
    currency,
  })
  return { month: monthOf(day), key, spend: { amount: BigInt(units), requests: 1, input, cached, output } }
}

/** Encodes a key as JSON without its month. Equal keys have equal encodings. */
export function encodeKey({ day, client, labels, model, route, currency }: SpendKey): string {
  const sorted = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([day.slice(8), client, model, route, currency, sorted.flat()])
}

/** Decodes a key. @throws TypeError for a string that is not an encoded key */
export function decodeKey(month: Month, key: string): SpendKey {
  const parts: unknown = parsedJson(key)
  const [day, client, model, route, currency, labels] = Array.isArray(parts) ? parts : []
  const names = [day, client, model, route, currency, ...(Array.isArray(labels) ? labels : [undefined])]
  if (!names.every((name) => typeof name === 'string') || !/^\d\d$/.test(day))
    throw new TypeError('not a key of the ledger')
  const pairs = Array.from({ length: labels.length / 2 }, (_, index) =>
    labels.slice(2 * index, 2 * index + 2),
  )
  return { day: `${month}-${day}`, client, labels: Object.fromEntries(pairs), model, route, currency }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Returns the key of the entry for the spend of a day that finds no room. */
export function otherKey(month: Month, key: string): string {
  const { day, currency } = decodeKey(month, key)
  return encodeKey({ day, client: OTHER, labels: {}, model: OTHER, route: OTHER, currency })
}

/** Adds two spends; undefined if the amount exceeds {@link MAX_AMOUNT}. */
export function addSpend(one: Spend | undefined, other: Spend): Spend | undefined {
  if (one === undefined) return other
  const amount = one.amount + other.amount
  if (amount > MAX_AMOUNT) return undefined
  return {
    amount,
    requests: one.requests + other.requests,
    input: one.input + other.input,
    cached: one.cached + other.cached,
    output: one.output + other.output,
  }
}

/** Labels of clients do not change, so their selection is kept. */
const selected = new WeakMap<object, Readonly<Record<string, string>>>()

const NO_LABELS: Readonly<Record<string, string>> = {}

/** Returns the labels of a client that an entry has room for. */
function labelsOf(client: Client | undefined): Readonly<Record<string, string>> {
  const labels = client?.labels
  if (labels === undefined) return NO_LABELS
  const known = selected.get(labels)
  if (known !== undefined) return known
  const names = Object.keys(labels).sort()
  const first = FIRST_LABELS.filter((name) => names.includes(name))
  let length = 0
  const fitting: [string, string][] = []
  for (const name of new Set([...first, ...names])) {
    const value = [labels[name] ?? []].flat().join(', ')
    if (length + name.length + value.length > MAX_LABELS) continue
    length += name.length + value.length
    fitting.push([name, value])
  }
  const selection = Object.fromEntries(fitting)
  selected.set(labels, selection)
  return selection
}
