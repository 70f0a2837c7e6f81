import { digitsBetween } from './cells.js'
import { BadLineError, shown } from './trace-request.js'

/** Units that a plain number of a trace can be in. */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns'

export const TIME_UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns']

const PER_SECOND: Readonly<Record<TimeUnit, number>> = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 }

/** Beyond this a second is no date that anybody recorded: the year 10,000. */
const MAX_SECOND = 253_402_300_800

/**
 * Reads the times of a trace as milliseconds since an origin, which is the whole second of the first of them less what later
 * lines may be earlier. Epoch milliseconds in a double are a quarter of a microsecond apart; since the origin they are exact to
 * the nanosecond for months.
 *
 * It reads `2023-11-16 18:17:03.9799600`, with `T`, `Z` or an offset too (without one the time is UTC), the time of an access log
 * (`10/Oct/2000:13:55:36 -0700`), and numbers: seconds, milli-, micro- or nanoseconds since any moment. Where no unit is given,
 * the size of the first number decides on the unit of all: times that count from zero would otherwise change their unit as they
 * grow.
 */
export class Timestamps {
  #origin: number | undefined
  #second = 0
  /** Milliseconds within the second. */
  #rest = 0
  #unit: TimeUnit | undefined

  /** @param lead by how many milliseconds a later line may be earlier than the first */
  constructor(private readonly lead: number) {}

  /** Milliseconds of the origin since the epoch; 0 before the first time was read. */
  get origin(): number {
    return (this.#origin ?? 0) * 1000
  }

  /** The unit of the times that are plain numbers; undefined before the first of them was read. */
  get unit(): TimeUnit | undefined {
    return this.#unit
  }

  /** @throws BadLineError */
  read(text: string, unit: TimeUnit | undefined): number {
    const isDate = text.length >= 19 && text.charCodeAt(4) === DASH
    if (isDate) this.#readDate(text)
    else if (text.charCodeAt(2) === SLASH) this.#readLogTime(text)
    else this.#readNumber(text, unit)
    if (!(Math.abs(this.#second) <= MAX_SECOND)) throw notATime(text)
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
      if (end === 20 || end > 40) throw notATime(text)
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
    if (!(hour < 24 && minute < 60 && second <= 60)) throw notATime(text)
    this.#second = midnight + hour * 3600 + minute * 60 + second
  }

  /**
   * Reads what most times are: digits, and digits of a fraction behind seconds. What is more than that is left to others.
   *
   * Whole numbers of up to 15 digits and powers of ten are exact, so that one division gives what the decimals say to the last bit.
   */
  #readDigits(text: string, given: TimeUnit | undefined): boolean {
    const dot = text.indexOf('.')
    const whole = digitsBetween(text, 0, dot < 0 ? text.length : dot)
    if (whole < 0) return false
    const perSecond = this.#perSecond(whole, given)
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

  /** How many of the unit are in a second. */
  #perSecond(number: number, given: TimeUnit | undefined): number {
    this.#unit ??= given ?? unitOf(number)
    return PER_SECOND[this.#unit]
  }

  #readNumber(text: string, given: TimeUnit | undefined): void {
    if (this.#readDigits(text, given)) return
    const match = /^(-?\d{1,20})(?:\.(\d{1,20}))?$/.exec(text)
    const number = Number(text)
    if (match === null && !(text !== '' && Number.isFinite(number))) throw notATime(text)
    const perSecond = this.#perSecond(Math.abs(number), given)
    if (perSecond === 1) {
      this.#second = Math.floor(number)
      // By its digits, since a double of epoch seconds has lost some of them.
      const fraction = match?.[2]
      const exact = fraction !== undefined && number >= 0
      this.#rest = exact ? Number(`${fraction}e${3 - fraction.length}`) : (number - this.#second) * 1000
      return
    }
    // A number of 19 digits is no double: its last digits are read by themselves.
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

/** A number as large as this many seconds is of the year 5138; in milliseconds it is of 1973. */
function unitOf(number: number): TimeUnit {
  if (number < 1e11) return 's'
  if (number < 1e14) return 'ms'
  return number < 1e17 ? 'us' : 'ns'
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** The number that stands there; NaN where there is something else. */
function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index)
    if (!isDigit(code)) return Number.NaN
    value = value * 10 + code - 48
  }
  return value
}

/** The second in which a day begins. */
function dayOf(year: number, month: number, day: number, text: string): number {
  const date = Date.UTC(year, month - 1, day)
  // A day that its month does not have would pass for one of the next month.
  if (!(month >= 1 && month <= 12 && day >= 1 && new Date(date).getUTCDate() === day)) throw notATime(text)
  return date / 1000
}

/** Seconds that a zone is ahead of UTC. */
function offsetOf(zone: string, text: string): number {
  if (zone === 'Z' || zone === 'z' || zone === '') return 0
  const match = /^([+-])(\d\d):?(\d\d)?$/.exec(zone)
  if (match === null) throw notATime(text)
  const seconds = Number(match[2]) * 3600 + Number(match[3] ?? 0) * 60
  return match[1] === '-' ? -seconds : seconds
}

function notATime(text: string): BadLineError {
  return new BadLineError(`${shown(text)} is no time`)
}
