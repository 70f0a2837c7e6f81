import { keyDigest } from 'sluice/identity'
import { describe, expect, it } from 'vitest'
import type { KeyPage, KeyStore } from '../../../src/server/identity/keys/key-store.js'

const HOUR_MS = 3_600_000

/** Returns all pages of a store. */
export async function pagesOf(store: KeyStore, limit: number): Promise<KeyPage[]> {
  const pages = [await store.list({ limit })]
  for (let next = pages[0]?.next; next !== undefined; next = pages.at(-1)?.next)
    pages.push(await store.list({ limit, after: next }))
  return pages
}

/**
 * Tests what every store of keys must do.
 *
 * @param place where the store keeps the keys
 * @param open opens an empty store, which is closed after the test
 */
export function describeKeyStore(place: string, open: () => Promise<KeyStore>): void {
  describe(`keys in ${place}`, () => {
    it('keep the properties of a key and who created it', async () => {
      const store = await open()
      const before = Date.now()
      const labels = { team: 'red', models: ['a', 'b'] }
      const limits = { requests: '100/minute', tokens: 2, concurrent: 'unlimited' }
      const { key, listed } = await store.create(
        { client: 'acme', tier: 'gold', labels, limits, expires: '2099-01-31' },
        'ada',
      )
      expect(listed).toEqual({
        id: keyDigest(key).slice(0, 8),
        client: 'acme',
        tier: 'gold',
        labels,
        limits,
        expires: Date.UTC(2099, 0, 31),
        created: expect.any(Number),
        createdBy: 'ada',
      })
      expect(listed.created).toBeGreaterThanOrEqual(before)
      expect(await store.find(listed.id)).toEqual(listed)
      expect(await store.find(listed.id.slice(0, 4).toUpperCase())).toEqual(listed)
      expect(await store.list({ limit: 10 })).toEqual({ keys: [listed] })
    })

    it('are listed in pages, and found by client, label and text', async () => {
      const store = await open()
      expect(await store.list({ limit: 2 })).toEqual({ keys: [] })
      for (const [client, team] of [
        ['acme', 'red'],
        ['bolt', 'blue'],
        ['acme', 'blue'],
        ['core', 'red'],
        ['acme-2', 'green'],
      ] as const)
        await store.create({ client, labels: { team } }, 'ada')
      const all = (await store.list({ limit: 100 })).keys
      expect(all).toHaveLength(5)
      expect(all.map(({ created = 0 }) => created)).toEqual(
        all.map(({ created = 0 }) => created).toSorted((one, other) => other - one),
      )
      for (const limit of [1, 2, 3, 5]) {
        const pages = await pagesOf(store, limit)
        expect(pages.flatMap(({ keys }) => keys)).toEqual(all)
        expect(pages.every(({ keys }) => keys.length <= limit)).toBe(true)
      }
      const clients = async (query: object) =>
        (await store.list({ limit: 100, ...query })).keys.map(({ client }) => client).toSorted()
      expect(await clients({ client: 'acme' })).toEqual(['acme', 'acme'])
      expect(await clients({ label: { name: 'team', value: 'red' } })).toEqual(['acme', 'core'])
      expect(await clients({ label: { name: 'team' }, client: 'bolt' })).toEqual(['bolt'])
      expect(await clients({ label: { name: 'constructor' } })).toEqual([])
      expect(await clients({ text: 'ACME-' })).toEqual(['acme-2'])
      expect(await clients({ text: 'green' })).toEqual(['acme-2'])
      expect(await clients({ text: all[0]?.id })).toHaveLength(1)
    })

    it('are revoked, and only once', async () => {
      const store = await open()
      const [one, other] = [
        await store.create({ client: 'acme' }, 'ada'),
        await store.create({ client: 'bolt' }, 'ada'),
      ]
      expect(await store.revoke(one.listed.id)).toEqual(one.listed)
      expect((await store.list({ limit: 10 })).keys).toEqual([other.listed])
      await expect(store.revoke(one.listed.id)).rejects.toMatchObject({ kind: 'missing' })
      await store.revoke(other.listed.id)
      expect(await store.list({ limit: 10 })).toEqual({ keys: [] })
      await store.create({ client: 'again' }, 'ada')
      expect((await store.list({ limit: 10 })).keys).toMatchObject([{ client: 'again' }])
    })

    it('are rotated: the new key has the same properties, and the old one ends after the grace', async () => {
      const store = await open()
      const properties = {
        ...{ client: 'acme', tier: 'gold', labels: { team: 'red' }, limits: { requests: 2 } },
        expires: '2099-01-31',
      }
      const old = await store.create(properties, 'ada')
      const before = Date.now()
      const { key, listed, replaced } = await store.rotate(old.listed.id, HOUR_MS, 'eve')
      expect(key).not.toBe(old.key)
      expect(listed).toMatchObject({
        ...properties,
        id: keyDigest(key).slice(0, 8),
        expires: Date.UTC(2099, 0, 31),
        createdBy: 'eve',
      })
      expect(replaced).toEqual({ ...old.listed, expires: replaced.expires })
      expect(replaced.expires).toBeGreaterThanOrEqual(before + HOUR_MS)
      expect(replaced.expires).toBeLessThanOrEqual(Date.now() + HOUR_MS + 1)
      expect(await store.find(old.listed.id)).toEqual(replaced)
      expect(await store.find(listed.id)).toEqual(listed)
      const again = await store.rotate(old.listed.id, 5 * HOUR_MS, 'eve')
      expect(again.replaced.expires).toBe(replaced.expires)
    })

    it('get and lose labels', async () => {
      const store = await open()
      const { listed } = await store.create({ client: 'acme', labels: { team: 'red' } }, 'ada')
      const changed = await store.label(listed.id, { team: null, org: 'acme', models: ['a', 'b'] })
      expect(changed).toEqual({ ...listed, labels: { org: 'acme', models: ['a', 'b'] } })
      expect(await store.find(listed.id)).toEqual(changed)
      const { labels: _, ...bare } = listed
      expect(await store.label(listed.id, { org: null, models: null })).toEqual(bare)
      await expect(store.label(listed.id, { tier: 'x' })).rejects.toThrow("no label can be called 'tier'")
      await expect(store.label(listed.id, { Team: 'x' })).rejects.toThrow('and begin with a letter')
      expect(await store.find(listed.id)).toEqual(bare)
    })

    it('show when they were last used, to the minute', async () => {
      const store = await open()
      const one = await store.create({ client: 'acme' }, 'ada')
      const other = await store.create({ client: 'bolt' }, 'ada')
      const minute = 30_000_000
      await store.recordUses(
        new Map([
          [keyDigest(one.key), minute],
          [keyDigest('of no key'), minute],
        ]),
      )
      await store.recordUses(new Map([[keyDigest(one.key), minute - 5]]))
      expect(await store.find(one.listed.id)).toEqual({ ...one.listed, lastUsed: minute * 60_000 })
      expect(await store.find(other.listed.id)).toEqual(other.listed)
      const { keys } = await store.list({ limit: 10 })
      expect(keys.find(({ client }) => client === 'acme')?.lastUsed).toBe(minute * 60_000)
      await store.revoke(one.listed.id)
      await store.recordUses(new Map([[keyDigest(one.key), minute + 1]]))
      expect((await store.list({ limit: 10 })).keys).toHaveLength(1)
    })

    it('report an unknown ID with a similar one, and invalid properties', async () => {
      const store = await open()
      const { listed } = await store.create({ client: 'acme' }, 'ada')
      const last = listed.id.endsWith('0') ? '1' : '0'
      const similar = `${listed.id.slice(0, -1)}${last}`
      await expect(store.find(similar)).rejects.toThrow(
        `there is no key '${similar}'; did you mean '${listed.id}'?`,
      )
      for (const id of ['', 'abc', 'sluice_x', '../x', `${listed.id}g`])
        await expect(store.find(id)).rejects.toMatchObject({ kind: 'invalid' })
      for (const key of [
        { client: '' },
        { client: 'a', tier: 'x'.repeat(257) },
        { client: 'a', expires: 'soon' },
        { client: 'a', labels: { id: 'x' } },
        { client: 'a', labels: { team: '' } },
        { client: 'a', limits: { requests: '10/fortnight' } },
        { client: 'a', limits: { requests: 0 } },
        { client: 'a', limits: { requests: Number.NaN } },
        { client: 'a', limits: { ['x'.repeat(257)]: 2 } },
        { client: 'a', limits: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`r${at}`, 2])) },
      ])
        await expect(store.create(key, 'ada')).rejects.toMatchObject({
          kind: 'invalid',
          message: expect.stringMatching(/^the key was not created: /),
        })
      expect((await store.list({ limit: 10 })).keys).toEqual([listed])
    })

    it('are changed by several operators at the same time without a loss', async () => {
      const store = await open()
      const { listed } = await store.create({ client: 'acme' }, 'ada')
      const names = Array.from({ length: 8 }, (_, index) => `label_${index}`)
      await Promise.all(names.map((name) => store.label(listed.id, { [name]: 'x' })))
      expect(Object.keys((await store.find(listed.id)).labels ?? {}).toSorted()).toEqual(names)
    })
  })
}
