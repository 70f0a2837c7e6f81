import { type Limit, usesWallTime } from '../../limits/limit.js'
import { calendarWindow } from '../../time/calendar.js'
import { type WindowBorders, zoneOf } from './script-limit.js'

/**
 * Computes the calendar windows to send to the script, from an estimate of the server's time. A
 * wrong estimate does not affect decisions: the script rejects the job, and it is sent again with
 * other windows.
 */
export class CalendarBorders {
  #offsetMs = 0
  /**
   * The latest borders of each calendar limit. The number of entries is bounded by the number of
   * limits in the configuration.
   */
  readonly #borders = new Map<string, WindowBorders>()

  /** `fixedTime` replaces the server's time in tests. */
  constructor(private readonly fixedTime: (() => number) | undefined) {}

  /** The time that the script uses, or '' for the server's own time. */
  get scriptTime(): string {
    return this.fixedTime === undefined ? '' : String(this.fixedTime())
  }

  /** Updates the estimate with the server's time from a reply. */
  synchronize(serverTime: number): void {
    this.#offsetMs = serverTime - Date.now()
  }

  /**
   * Returns the borders of the current windows of a calendar limit, or undefined for any other
   * limit.
   */
  bordersOf(limit: Limit): WindowBorders | undefined {
    if (!usesWallTime(limit) || limit.algorithm !== 'fixed-window') return undefined
    const now = this.fixedTime?.() ?? Date.now() + this.#offsetMs
    const zone = zoneOf(limit)
    const name = `${limit.period} ${zone}`
    const known = this.#borders.get(name)
    if (known !== undefined && known[0] <= now && now < known[1]) return known
    const { start, end } = calendarWindow(now, limit.period, zone)
    const borders: WindowBorders = [start, end, calendarWindow(end, limit.period, zone).end]
    this.#borders.set(name, borders)
    return borders
  }
}
