import { describe, expect, it } from 'vitest'
import { type Act, actId } from '../../../src/policy/acts/act.js'
import { type ActSet, NO_ACTS, versionAfter } from '../../../src/policy/acts/act-set.js'
import type { ActStore } from '../../../src/server/acts/act-store.js'

/** Returns a block of a client. */
export function blockOf(client: string, until?: number): Act {
  const change = { act: 'block', client } as const
  return {
    id: actId(change),
    by: 'ada',
    reason: 'ä "quoted" reason',
    at: 1,
    ...(until && { until }),
    ...change,
  }
}

/** Returns a set that follows another. */
export function setAfter({ version }: Pick<ActSet, 'version'>, acts: readonly Act[]): ActSet {
  return { version: versionAfter(version), acts, unreadable: [{ act: 'of a later version' }] }
}

/**
 * Describes what every store of acts does.
 *
 * @param open opens the store of one gateway; all calls in one test open the same empty store
 */
export function describeActStore(name: string, open: () => ActStore): void {
  describe(`${name} as a store of acts`, () => {
    it('has no set at first', async () => {
      const store = open()
      expect(await store.read(NO_ACTS.version)).toBeUndefined()
      await store.close()
    })

    it('returns a stored set once per version, with entries that it cannot read', async () => {
      const store = open()
      const set = setAfter(NO_ACTS, [blockOf('acme', 5), blockOf('client "x"\n')])
      expect(await store.replace(NO_ACTS.version, set)).toBe(true)
      expect(await store.read(NO_ACTS.version)).toEqual(set)
      expect(await store.read(set.version)).toBe('unchanged')
      const next = setAfter(set, [])
      expect(await store.replace(set.version, next)).toBe(true)
      expect(await store.read(set.version)).toEqual(next)
      await store.close()
    })

    it('keeps a set that another gateway has replaced', async () => {
      const store = open()
      const first = setAfter(NO_ACTS, [blockOf('acme')])
      await store.replace(NO_ACTS.version, first)
      expect(await store.replace(NO_ACTS.version, setAfter(NO_ACTS, []))).toBe(false)
      expect(await store.replace(setAfter(first, []).version, setAfter(first, []))).toBe(false)
      expect(await store.read('')).toEqual(first)
      await store.close()
    })
  })
}
