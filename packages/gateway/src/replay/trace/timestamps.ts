import { digitsBetween } from './cells.js'
import { BadLineError, quoteShortened } from './trace-request.js'

/** Units of numeric times. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

export const TIME_UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns']

const PER_SECOND: Readonly<Record<TimeUnit, number>> = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 }

/** Upper bound on valid times, in epoch seconds: the year 10,000. */
const MAX_SECOND = 253_402_300_800

/**
 * Parses the times of a trace as milliseconds since an origin: the second of the first time minus
 * the reordering window. Epoch milliseconds in a double have a resolution of 0.25 µs; milliseconds
 * since the origin are exact to the nanosecond for months.
 *
 * Accepted formats:
 *
 * - `2023-11-16 18:17:03.9799600`, or with `T`, and with `Z` or an offset; the default is UTC;
 * - `10/Oct/2000:13:55:36 -0700`, as in access logs;
 * - numbers: seconds, milliseconds, microseconds or nanoseconds since any time.
 *
 * Unless a unit is specified, the magnitude of the first number determines the unit of all numbers.
 * If each number had its own unit, times that count from zero would change their unit as they grow.
 */
export class Timestamps {
  #origin: number | undefined
  #second = 0
  /** Milliseconds within the second. */
  #rest = 0
  #unit: TimeUnit | undefined

  /**
   * @param lead the reordering window: the maximum time by which a later line may precede the
   *   first, in milliseconds
   */
  constructor(private readonly lead: number) {}

  /** The origin in milliseconds since the epoch; 0 before the first time. */
  get origin(): number {
    return (this.#origin ?? 0) * 1000
  }

  /** Unit of numeric times; undefined until one is read. */
  get unit(): TimeUnit | undefined {
    return this.#unit
  }

  /** Parses a time. @throws BadLineError */
  read(text: string, unit: TimeUnit | undefined): number {
    const isDate = text.length >= 19 && text.charCodeAt(4) === DASH
    if (isDate) this.#readDate(text)
    else if (text.charCodeAt(2) === SLASH) this.#readLogTime(text)
    else this.#readNumber(text, unit)
    if (!(Math.abs(this.#second) <= MAX_SECOND)) throw invalidTime(text)
    this.#origin ??= this.#second - Math.ceil(this.lead / 1000)
    return (this.#second - this.#origin) * 1000 + this.#rest
  }

  #readDate(text: string): void {
    const midnight = dayOf(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10), text)
    this.#setClock(text, midnight, 11)
    let end = 19
    this.#rest = 0
    if (text.charCodeAt(19) === DOT) {
      end = 20
      while (isDigit(text.charCodeAt(end))) end++
      this.#rest = Number(`${text.slice(20, end)}e${3 - (end - 20)}`)
      if (end === 20 || end > 40) throw invalidTime(text)
    }
    if (end < text.length) this.#second -= offsetOf(text.slice(end), text)
  }

  #readLogTime(text: string): void {
    const month = MONTHS.indexOf(text.slice(3, 6)) + 1
    const midnight = dayOf(digits(text, 7, 11), month, digits(text, 0, 2), text)
    this.#setClock(text, midnight, 12)
    this.#rest = 0
    this.#second -= offsetOf(text.slice(20).trim(), text)
  }

  #setClock(text: string, midnight: number, from: number): void {
    const hour = digits(text, from, from + 2)
    const minute = digits(text, from + 3, from + 5)
    const second = digits(text, from + 6, from + 8)
    // 60 is a leap second.
    if (!(hour < 24 && minute < 60 && second <= 60)) throw invalidTime(text)
    this.#second = midnight + hour * 3600 + minute * 60 + second
  }

  /**
   * Parses the common case: an integer, or seconds with a fraction. Returns false for other
   * numbers.
   *
   * Integers of up to 15 digits and powers of ten are exact, so a single division is correctly
   * rounded.
   */
  #readDigits(text: string, specified: TimeUnit | undefined): boolean {
    const dot = text.indexOf('.')
    const whole = digitsBetween(text, 0, dot < 0 ? text.length : dot)
    if (whole < 0) return false
    const perSecond = this.#perSecond(whole, specified)
    if (dot < 0) {
      this.#second = Math.floor(whole / perSecond)
      this.#rest = ((whole - this.#second * perSecond) * 1000) / perSecond
      return true
    }
    const fraction = digitsBetween(text, dot + 1, text.length)
    if (fraction < 0 || perSecond !== 1) return false
    this.#second = whole
    const digits = text.length - dot - 1
    this.#rest = digits > 3 ? fraction / 10 ** (digits - 3) : fraction * 10 ** (3 - digits)
    return true
  }

  /** Returns the number of units in a second. */
  #perSecond(number: number, specified: TimeUnit | undefined): number {
    this.#unit ??= specified ?? unitOf(number)
    return PER_SECOND[this.#unit]
  }

  #readNumber(text: string, specified: TimeUnit | undefined): void {
    if (this.#readDigits(text, specified)) return
    const match = /^(-?\d{1,20})(?:\.(\d{1,20}))?$/.exec(text)
    const number = Number(text)
    if (match === null && !(text !== '' && Number.isFinite(number))) throw invalidTime(text)
    const perSecond = this.#perSecond(Math.abs(number), specified)
    if (perSecond === 1) {
      this.#second = Math.floor(number)
      // Parses the digits, since a double cannot represent all of them for epoch seconds.
      const fraction = match?.[2]
      const exact = fraction !== undefined && number >= 0
      this.#rest = exact ? Number(`${fraction}e${3 - fraction.length}`) : (number - this.#second) * 1000
      return
    }
    // A number of 19 digits does not fit into a double, so its last digits are parsed separately.
    const digitsOfSecond = Math.log10(perSecond)
    const whole = match?.[1] ?? ''
    if (number >= 0 && whole.length > digitsOfSecond) {
      this.#second = Number(whole.slice(0, -digitsOfSecond))
      const within = Number(`${whole.slice(-digitsOfSecond)}.${match?.[2] ?? 0}`)
      this.#rest = (within * 1000) / perSecond
    } else {
      this.#second = Math.floor(number / perSecond)
      this.#rest = ((number - this.#second * perSecond) * 1000) / perSecond
    }
  }
}

const DASH = 45
const DOT = 46
const SLASH = 47
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/**
 * Guesses the unit of a number. 1e11 is the year 5138 in seconds and the year 1973 in milliseconds.
 */
function unitOf(number: number): TimeUnit {
  if (number < 1e11) return 's'
  if (number < 1e14) return 'ms'
  return number < 1e17 ? 'us' : 'ns'
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Parses digits between two positions; NaN if there are other characters. */
function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index)
    if (!isDigit(code)) return Number.NaN
    value = value * 10 + code - 48
  }
  return value
}

/** Returns the start of a day, in epoch seconds. */
function dayOf(year: number, month: number, day: number, text: string): number {
  const date = Date.UTC(year, month - 1, day)
  // `Date.UTC` moves a day beyond the end of its month into the next month.
  if (!(month >= 1 && month <= 12 && day >= 1 && new Date(date).getUTCDate() === day)) throw invalidTime(text)
  return date / 1000
}

/** Returns the offset of a zone from UTC, in seconds. */
function offsetOf(zone: string, text: string): number {
  if (zone === 'Z' || zone === 'z' || zone === '') return 0
  const match = /^([+-])(\d\d):?(\d\d)?$/.exec(zone)
  if (match === null) throw invalidTime(text)
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60
  return match[1] === '-' ? -seconds : seconds
}

function invalidTime(text: string): BadLineError {
  return new BadLineError(`${quoteShortened(text)} is not a valid time`)
}
