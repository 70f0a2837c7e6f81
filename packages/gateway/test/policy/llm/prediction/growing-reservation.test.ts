import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GrowingReservation } from '../../../../src/policy/llm/prediction/growing-reservation.js'

const SEED = 20261203

/** A reservation whose amounts the test grants or refuses, now or later. */
function reservation(reserved: number, maximum = Number.POSITIVE_INFINITY) {
  const asked: [from: number, to: number][] = []
  const answers: ((isTaken: boolean) => void)[] = []
  let exhausted = 0
  const growing = new GrowingReservation({
    reserved,
    maximum,
    take(from, to) {
      asked.push([from, to])
      return new Promise<boolean>((resolve) => answers.push(resolve))
    },
    onExhausted: () => {
      exhausted += 1
    },
  })
  const answer = async (isTaken: boolean) => {
    answers.shift()?.(isTaken)
    await Promise.resolve()
    await Promise.resolve()
  }
  return { growing, asked, answer, exhausted: () => exhausted }
}

describe('the reservation of a stream', () => {
  it('takes a chunk of an eighth when fewer than 32 tokens are left, and asks once at a time', async () => {
    const { growing, asked, answer } = reservation(800)
    growing.wrote(767)
    expect(asked).toEqual([])
    growing.wrote(768)
    growing.wrote(790)
    expect(asked).toEqual([[800, 900]])
    await answer(true)
    growing.wrote(867)
    expect(asked).toHaveLength(1)
    growing.wrote(868)
    expect(asked[1]).toEqual([900, 1000])
  })

  it('takes at least 64 tokens, and everything that was written while a store decided', async () => {
    const { growing, asked, answer } = reservation(10)
    growing.wrote(1)
    growing.wrote(500)
    await answer(true)
    expect(asked).toEqual([
      [10, 74],
      [74, 564],
    ])
  })

  it('takes no more than the stated maximum', async () => {
    const { growing, asked, answer } = reservation(100, 150)
    growing.wrote(80)
    await answer(true)
    growing.wrote(150)
    growing.wrote(200)
    expect(asked).toEqual([[100, 150]])
    expect(growing.nextAt).toBe(Number.POSITIVE_INFINITY)
  })

  it('is exhausted once it is used up and a limit refuses more, and asks again later', async () => {
    const { growing, asked, answer, exhausted } = reservation(100)
    growing.wrote(70)
    await answer(false)
    expect(exhausted()).toBe(0)
    growing.wrote(101)
    expect(asked).toHaveLength(1)
    growing.wrote(102)
    await answer(false)
    expect([exhausted(), growing.isExhausted]).toEqual([1, true])
    growing.wrote(140)
    await answer(false)
    expect(exhausted()).toBe(1)
    growing.wrote(180)
    await answer(true)
    expect(asked.at(-1)).toEqual([100, 244])
    growing.wrote(200)
    expect(asked).toHaveLength(4)
  })

  it('counts a store that fails as a limit that refuses', async () => {
    let exhausted = 0
    for (const take of [
      () => Promise.reject(new Error('on purpose')),
      () => {
        throw new Error('on purpose')
      },
    ]) {
      const onExhausted = () => {
        exhausted += 1
      }
      const growing = new GrowingReservation({ reserved: 5, maximum: 1000, take, onExhausted })
      growing.wrote(5)
      await Promise.resolve()
      await Promise.resolve()
    }
    expect(exhausted).toBe(2)
  })

  it('holds everything that is written in steps of up to 32 tokens, if a store decides at once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2000 }),
        fc.array(fc.integer({ min: 1, max: 32 }), { maxLength: 200 }),
        (reserved, steps) => {
          let held = reserved
          const growing = new GrowingReservation({
            reserved,
            maximum: Number.POSITIVE_INFINITY,
            take(from, to) {
              expect(from).toBe(held)
              held = to
              return true
            },
            onExhausted: () => expect.unreachable(),
          })
          let written = 0
          for (const step of steps) {
            written += step
            if (written >= growing.nextAt) growing.wrote(written)
            expect(held).toBeGreaterThanOrEqual(written)
          }
        },
      ),
      { seed: SEED },
    )
  })
})
