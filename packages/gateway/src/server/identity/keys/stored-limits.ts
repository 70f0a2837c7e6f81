import { isDeepStrictEqual } from 'node:util'
import { type ClientLimit, fittingLimits, type LimitedConfig } from '../../../policy/client-limits.js'
import type { Log } from '../../logging/log.js'
import { clientLimitsOf } from './key-limits.js'
import type { KeyRecord } from './key-store.js'

/** The limits of clients that keys in Redis bring. */
export class StoredLimits {
  #limits: readonly ClientLimit[] | undefined
  /** The reason that was logged last; undefined if all limits fit. */
  #reason: string | undefined

  /** False until the limits are set for the first time. */
  get isRead(): boolean {
    return this.#limits !== undefined
  }

  /**
   * Replaces all limits. If keys of a client differ, the limit of the newest one applies.
   *
   * @param records the keys with limits, the newest first
   * @returns true if the limits changed
   */
  set(records: readonly KeyRecord[]): boolean {
    const limits = new Map<string, ClientLimit>()
    for (const limit of records.flatMap((record) => clientLimitsOf(record.client, record.limits))) {
      const id = JSON.stringify([limit.client, limit.rule])
      if (!limits.has(id)) limits.set(id, limit)
    }
    const before = this.#limits ?? []
    this.#limits = [...limits.values()]
    return !isDeepStrictEqual(this.#limits, before)
  }

  /**
   * Returns the limits that fit a configuration.
   *
   * @param log gets a line if others do not fit; undefined to log none
   */
  fitting(config: LimitedConfig, log: Pick<Log, 'info'> | undefined): readonly ClientLimit[] {
    const { fitting, unfit } = fittingLimits(this.#limits ?? [], config)
    const reason = unfit[0]?.message
    if (reason !== undefined && reason !== this.#reason)
      log?.info({ limits: unfit.length, reason }, 'limits of keys have no effect')
    this.#reason = reason
    return fitting
  }
}
