import { describe, expect, it, onTestFinished } from 'vitest'
import { seededRandom } from '../../../../../test/fuzz/random.js'
import type { LedgerOptions } from '../../../src/server/spend/memory-ledger.js'
import { keptMonths } from '../../../src/server/spend/months.js'
import {
  decodeKey,
  entryOf,
  MAX_AMOUNT,
  type Spend,
  type SpendKey,
} from '../../../src/server/spend/spend-entry.js'
import type { SpendLedger } from '../../../src/server/spend/spend-ledger.js'
import { SlowLedger } from './slow-ledger.js'

const DAY = 86_400_000
const START = Date.parse('2026-11-05T10:00:00Z')

/** Returns the entries of all months that a ledger keeps at a time, in a fixed order. */
export async function entriesOf(ledger: SpendLedger, now: number) {
  const rows: { readonly key: SpendKey; readonly spend: Spend }[] = []
  await ledger.read(keptMonths(now), (key, spend) => rows.push({ key, spend }))
  return inOrder(rows)
}

function inOrder<Row extends { readonly key: SpendKey }>(rows: readonly Row[]): readonly Row[] {
  const text = ({ key }: Row) => JSON.stringify({ ...key, labels: Object.entries(key.labels).sort() })
  return rows.toSorted((one, other) => (text(one) < text(other) ? -1 : 1))
}

/** Adds the entry of one request as a batch. */
function batchOf(sequence: number, spent: Parameters<typeof entryOf>[0], now: number) {
  const { month, key, spend } = entryOf(spent, now)
  return { writer: 'test', sequence, month, entries: new Map([[key, spend]]) }
}

const SPENT = {
  ...{ units: 1_500_000_000, currency: 'USD', client: { id: 'acme', labels: { team: 'red' } }, model: 'big' },
  ...{ route: 'POST /chat', input: 10, cached: 4, output: 3 },
}

/**
 * Describes what every ledger does.
 *
 * @param open opens the ledger of one gateway; all calls in one test open the same ledger, which is
 *   empty at first, if `isShared`
 */
export function describeLedger(
  name: string,
  open: (options: LedgerOptions) => SpendLedger | Promise<SpendLedger>,
  isShared: boolean,
): void {
  const opened = async (options: LedgerOptions = {}) => {
    const ledger = await open(options)
    await ledger.start()
    onTestFinished(() => ledger.close())
    return ledger
  }

  describe(`${name} as a ledger of spend`, () => {
    it.each([1, 2, 3, 4, 5, 6])(
      'agrees with a slow model on random operations, with seed %i',
      async (seed) => {
        const random = seededRandom(seed)
        const maxEntries = random.pick([5, 40, 1000])
        let now = START
        const model = new SlowLedger(maxEntries)
        const options = { maxEntries, now: () => now }
        let ledger = await opened(options)
        const clients = Array.from({ length: 6 }, (_, index) => ({
          id: random.pick([`client ${index}`, `=c${index}`, `ü"${index}\n`]),
          labels: {
            org: random.pick(['acme', 'globex']),
            ...(index % 2 === 0 && { team: `team ${index % 4}` }),
          },
        }))
        for (let step = 1; step <= 120; step++) {
          const kind = random.below(20)
          if (kind < 14) {
            const spent = {
              units: random.pick([0, 1, random.below(2 ** 30), Number.MAX_SAFE_INTEGER]),
              currency: random.pick(['USD', 'USD', 'EUR']),
              client: random.chance(0.1) ? undefined : random.pick(clients),
              model: random.pick([undefined, 'big', 'small']),
              route: random.pick(['POST /a', 'POST /b']),
              ...{ input: random.below(1000), cached: random.below(10), output: random.below(1000) },
            }
            const batch = batchOf(step, spent, now)
            for (let sent = random.chance(0.2) ? 2 : 1; sent > 0; sent--) await ledger.add(batch)
            const [[key, spend]] = batch.entries as unknown as [[string, Spend]]
            model.add(decodeKey(batch.month, key), spend)
          } else if (kind < 16) now += random.pick([DAY, 3 * DAY, 40 * DAY, 200 * DAY])
          else if (kind < 17) {
            const { id } = random.pick(clients)
            const before = model.rows.filter(({ key }) => key.client === id).length
            model.forget(id)
            expect(await ledger.forget(id)).toBe(before)
          } else if (kind < 18 && isShared) {
            await ledger.close()
            ledger = await opened(options)
          }
          model.expire(keptMonths(now)[0] as string)
          expect(await entriesOf(ledger, now)).toEqual(inOrder(model.rows))
        }
      },
    )

    it('adds a batch once if it is sent again', async () => {
      const ledger = await opened({ now: () => START })
      for (const sequence of [1, 1, 2, 2]) await ledger.add(batchOf(sequence, SPENT, START))
      expect(await entriesOf(ledger, START)).toEqual([
        {
          key: {
            ...{ day: '2026-11-05', client: 'acme', labels: { team: 'red' }, model: 'big' },
            ...{ route: 'POST /chat', currency: 'USD' },
          },
          spend: { amount: 3_000_000_000n, requests: 2, input: 20, cached: 8, output: 6 },
        },
      ])
    })

    it('refuses an amount that exceeds 64 bits, and keeps the rest', async () => {
      const ledger = await opened({ now: () => START })
      const { month, entries } = batchOf(1, SPENT, START)
      const [[key, spend]] = entries as unknown as [[string, Spend]]
      const withAmount = (sequence: number, amount: bigint) =>
        ledger.add({ writer: 'test', sequence, month, entries: new Map([[key, { ...spend, amount }]]) })
      expect(await withAmount(1, MAX_AMOUNT - 5n)).toEqual({ other: 0, refused: 0 })
      expect(await withAmount(2, 6n)).toEqual({ other: 0, refused: 1 })
      expect(await withAmount(3, 5n)).toEqual({ other: 0, refused: 0 })
      expect((await entriesOf(ledger, START)).map(({ spend }) => spend)).toEqual([
        { amount: MAX_AMOUNT, requests: 2, input: 20, cached: 8, output: 6 },
      ])
    })

    it('keeps a month until 13 months after it', async () => {
      let now = START
      const ledger = await opened({ now: () => now })
      await ledger.add(batchOf(1, SPENT, now))
      now = Date.parse('2027-12-31T23:59:59Z')
      expect(await entriesOf(ledger, now)).toHaveLength(1)
      now = Date.parse('2028-01-01T00:00:00Z')
      expect(await entriesOf(ledger, now)).toEqual([])
      await ledger.add(batchOf(2, SPENT, START))
      expect(await entriesOf(ledger, now)).toEqual([])
    })

    it('keeps different currencies apart', async () => {
      const ledger = await opened({ now: () => START })
      await ledger.add(batchOf(1, SPENT, START))
      await ledger.add(batchOf(2, { ...SPENT, currency: 'EUR' }, START))
      const amounts = (await entriesOf(ledger, START)).map(({ key, spend }) => [key.currency, spend.amount])
      expect(amounts.toSorted()).toEqual([
        ['EUR', 1_500_000_000n],
        ['USD', 1_500_000_000n],
      ])
    })
  })
}
