/** Numbers and times as people read them, in few characters and always with the same number of digits. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** `1,243`; from a hundred thousand on `1.2M`. */
export function count(value: number): string {
  return Math.abs(value) < 100_000 ? whole.format(value) : short.format(value)
}

/** Of something a second: `0`, `0.4`, `12`, `3.4K`. */
export function rate(value: number): string {
  if (value === 0) return '0'
  if (value < 0.05) return '<0.1'
  if (value < 9.95) return value.toFixed(1)
  return value < 1000 ? value.toFixed(0) : short.format(value)
}

/** On an axis: as few digits as its steps have. */
export function tick(value: number): string {
  return value < 1000 ? String(Number(value.toFixed(2))) : short.format(value)
}

/** What is left of a limit, which may be a fraction. */
export function units(value: number): string {
  return count(Math.floor(value))
}

/** `0 %`, `<1 %`, `43 %`. */
export function share(part: number): string {
  if (part > 0 && part < 0.01) return '<1 %'
  return `${Math.min(Math.floor(part * 100), 999)} %`
}

/** @param milliseconds null for a time that never comes */
export function duration(milliseconds: number | null): string {
  if (milliseconds === null) return 'never'
  if (milliseconds === 0) return '0'
  if (milliseconds < 1) return `${significant(milliseconds * 1000)} µs`
  if (milliseconds < 1000) return `${significant(milliseconds)} ms`
  return longer(milliseconds / 1000)
}

/** A time to wait, rounded up to whole seconds as `Retry-After` is, and long ones to minutes or hours: never too early. */
export function wait(milliseconds: number | null): string {
  return milliseconds === null ? 'never' : longer(Math.ceil(milliseconds / 1000), Math.ceil)
}

/** The time of the day, where the reader is. */
export function timeOfDay(epochMilliseconds: number): string {
  return clock.format(epochMilliseconds)
}

function longer(seconds: number, round: (value: number) => number = Math.floor): string {
  if (seconds < 60) return `${significant(seconds)} s`
  if (seconds < 3600) return twoParts(round(seconds), 60, 'min', 's')
  if (seconds < 86_400) return twoParts(round(seconds / 60), 60, 'h', 'min')
  return twoParts(round(seconds / 3600), 24, 'd', 'h')
}

/** @param value whole small units */
function twoParts(value: number, size: number, large: string, small: string): string {
  const rest = value % size
  const first = `${Math.floor(value / size)} ${large}`
  return rest === 0 ? first : `${first} ${rest} ${small}`
}

function significant(value: number): string {
  return value < 10 ? String(Number(value.toFixed(1))) : value.toFixed(0)
}
