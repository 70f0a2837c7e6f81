import { formatWait } from 'sluice'

/** How reports write numbers, for people. The same everywhere, whatever the machine's language. */

/** `1,234,567`; fractions to two digits. */
export function count(number: number): string {
  const [whole = '', fraction] = (Math.round(number * 100) / 100).toString().split('.')
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** `1 line`, `2 lines` */
export function counted(number: number, thing: string): string {
  return `${count(number)} ${thing}${number === 1 ? '' : 's'}`
}

/** `12.5 %` of a part from 0 to 1; small parts are not rounded to nothing. */
export function percent(part: number): string {
  const points = part * 100
  if (points === 0) return '0 %'
  if (points < 0.01) return '< 0.01 %'
  return `${points < 1 ? points.toFixed(2) : points.toFixed(1)} %`
}

/** What part one number is of another; of nothing, none. */
export function partOf(number: number, all: number): number {
  return all === 0 ? 0 : number / all
}

/** `250 ms`, `1.5 s`, `4 minutes` */
export function length(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  return milliseconds < 120_000 ? `${Math.round(milliseconds / 100) / 10} s` : formatWait(milliseconds)
}

/** `2023-11-16 18:15:46 UTC` */
export function moment(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}
