import { type Limit, usesWallTime } from '../../limits/limit.js'
import { calendarWindow } from '../../time/calendar.js'
import { type Borders, zoneOf } from './script-limit.js'

/**
 * The client's idea of the server's time. It decides nothing: it says which calendar windows are worth sending, and
 * where it is wrong the server asks for others.
 */
export class ServerTime {
  #ahead = 0
  /** One entry a calendar limit in use: as many as the configuration has. */
  readonly #borders = new Map<string, Borders>()

  /** `given`: the time where a test has one of its own. */
  constructor(private readonly given: (() => number) | undefined) {}

  /** The time that the script has to take for now, or '' for the server's own. */
  get sent(): string {
    return this.given === undefined ? '' : String(this.given())
  }

  learn(at: number): void {
    this.#ahead = at - Date.now()
  }

  /** The windows of a calendar limit about now; none of another limit. */
  bordersOf(limit: Limit): Borders | undefined {
    if (!usesWallTime(limit) || limit.algorithm !== 'fixed-window') return undefined
    const now = this.given?.() ?? Date.now() + this.#ahead
    const zone = zoneOf(limit)
    const name = `${limit.period} ${zone}`
    const known = this.#borders.get(name)
    if (known !== undefined && known[0] <= now && now < known[1]) return known
    const { start, end } = calendarWindow(now, limit.period, zone)
    const borders: Borders = [start, end, calendarWindow(end, limit.period, zone).end]
    this.#borders.set(name, borders)
    return borders
  }
}
