import { isatty } from 'node:tty'
import type { DestinationStream } from 'pino'

const STDERR = 2

/** The names of pino's levels, and their colors as SGR parameters. */
const LEVELS: Readonly<Record<number, readonly [name: string, color: string]>> = {
  10: ['TRACE', '2'],
  20: ['DEBUG', '2'],
  30: ['INFO', '32'],
  40: ['WARN', '33'],
  50: ['ERROR', '31'],
  60: ['FATAL', '31;1'],
}

/** How a log on standard error is written. */
export type LogFormat = 'json' | 'plain' | 'colored'

/**
 * Returns the format of the log: readable lines on a terminal, without colors if NO_COLOR is set
 * (no-color.org) or the terminal has none; JSON for programs.
 */
export function logFormat(
  env: NodeJS.ProcessEnv = process.env,
  isTerminal: boolean = isatty(STDERR),
): LogFormat {
  if (!isTerminal) return 'json'
  const hasColors = (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  return hasColors ? 'colored' : 'plain'
}

/** Returns a destination for lines of JSON that writes them in a format. */
export function formatted(destination: DestinationStream, format: LogFormat): DestinationStream {
  if (format === 'json') return destination
  return { write: (line) => destination.write(readableLine(line, format === 'colored')) }
}

/**
 * Writes a line of JSON for people: the local time, the level, the message and the fields. An error
 * follows with its stack. Control characters are escaped, since clients choose some of the values.
 *
 * @param line with or without its newline; returned as it is if it is not a JSON object
 */
export function readableLine(line: string, hasColors: boolean): string {
  const entry = parsed(line)
  if (entry === undefined) return `${escaped(line.trimEnd())}\n`
  const { level, time, msg, err, ...fields } = entry
  const paint = (text: string, color: string) => (hasColors ? `\x1b[${color}m${text}\x1b[0m` : text)
  const [name, color] = LEVELS[Number(level)] ?? [String(level ?? ''), '0']
  const details = Object.entries(fields).map(
    ([key, value]) => `${paint(`${escaped(key)}=`, '2')}${valueText(value)}`,
  )
  const head = [paint(timeText(time), '2'), paint(escaped(name).padEnd(5), color), escaped(String(msg ?? ''))]
  return `${[...head, ...details].join(' ')}\n${errorText(err)}`
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}

/** Returns the time of the day in the local time zone, with milliseconds. */
function timeText(time: unknown): string {
  const date = new Date(typeof time === 'string' || typeof time === 'number' ? time : Number.NaN)
  if (Number.isNaN(date.getTime())) return '--:--:--.---'
  const digits = (value: number, length: number) => String(value).padStart(length, '0')
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => digits(part, 2))
  return `${clock.join(':')}.${digits(date.getMilliseconds(), 3)}`
}

function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"'=\\]+$/.test(value)) return escaped(value)
  return escaped(JSON.stringify(value) ?? '')
}

/** Returns the indented stack of an error; empty without an error. */
function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { stack, message } = error as { readonly stack?: unknown; readonly message?: unknown }
  const lines = String(stack ?? message ?? JSON.stringify(error)).split('\n')
  return lines.map((line) => `    ${escaped(line)}\n`).join('')
}

/** Control characters, and those that change the direction of text. */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

function escaped(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
