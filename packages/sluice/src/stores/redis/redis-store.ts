import { checkCost } from '../../limits/limit.js'
import { type Charge, checkLease, type Settlement, type Store, type StoreVerdict } from '../store.js'
import { type Answer, chargeText, readAnswer, settlementText } from './charge-text.js'
import type { Connection } from './connection.js'
import { ScriptRunner } from './run-script.js'
import { ServerTime } from './server-time.js'
import { slotOf } from './slot.js'
import { storeKey } from './store-key.js'

export interface RedisStore extends Store {
  take(charges: readonly Charge[]): Promise<StoreVerdict[]>
  peek(charges: readonly Charge[]): Promise<StoreVerdict[]>
  settle(settlements: readonly Settlement[]): Promise<void>
  reset(scope: string, key: string): Promise<void>
  close(): Promise<void>
}

/** What of a request lies in one slot: the places of its charges in the request. */
type Part = readonly number[]

/** How often a call is sent before calendar windows that do not hold the server's now are given up. */
const MAX_ASKED = 3

/** The store over a connection. `now`: a time for the script instead of the server's own, for tests. */
export class ScriptStore implements RedisStore {
  readonly #runner: ScriptRunner
  readonly #time: ServerTime

  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
    now?: () => number,
  ) {
    this.#runner = new ScriptRunner(connection)
    this.#time = new ServerTime(now)
  }

  async take(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    const parts = this.#partsOf(checked(charges))
    if (parts.length <= 1) return this.#decideIn('take', charges, parts)
    const answers = await Promise.allSettled(parts.map((part) => this.#decide('take+', charges, part)))
    const failed = answers.find((answer) => answer.status === 'rejected')
    const admitted = answers.map((answer, index) =>
      answer.status === 'fulfilled' ? isAdmitted(charges, parts[index] as Part, answer.value) : false,
    )
    if (admitted.every(Boolean)) return this.#gather(parts, answers, 'taken')
    await this.#giveBack(charges, parts, answers, admitted)
    if (failed !== undefined) throw failed.reason
    return this.#gather(parts, answers, 'untaken')
  }

  async peek(charges: readonly Charge[]): Promise<StoreVerdict[]> {
    const parts = this.#partsOf(checked(charges))
    if (parts.length <= 1) return this.#decideIn('peek', charges, parts)
    const values = await Promise.all(parts.map((part) => this.#decide('peek+', charges, part)))
    const admitted = values.every((value, index) => isAdmitted(charges, parts[index] as Part, value))
    const answers = values.map((value) => ({ status: 'fulfilled' as const, value }))
    return this.#gather(parts, answers, admitted ? 'taken' : 'untaken')
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    for (const { charge, cost } of settlements) checkCost(charge.limit, cost)
    await this.#settle('settle', settlements)
  }

  async #settle(op: 'settle' | 'undo', settlements: readonly Settlement[]): Promise<void> {
    const parts = this.#partsOf(settlements.map(({ charge }) => charge))
    await Promise.all(
      parts.map((part) => {
        const here = part.map((index) => settlements[index] as Settlement)
        return this.#ask(
          op,
          here.map(({ charge }) => charge),
          () => here.flatMap((each) => settlementText(each, this.#time.bordersOf(each.charge.limit))),
        )
      }),
    )
  }

  async reset(scope: string, key: string): Promise<void> {
    await this.connection.unlink(storeKey(this.prefix, scope, key))
  }

  async close(): Promise<void> {
    await this.connection.close()
  }

  async #decideIn(op: string, charges: readonly Charge[], [part]: readonly Part[]): Promise<StoreVerdict[]> {
    if (part === undefined) return []
    const { verdicts } = await this.#decide(op, charges, part)
    return [...verdicts]
  }

  #decide(op: string, charges: readonly Charge[], part: Part): Promise<Answer> {
    const here = part.map((index) => charges[index] as Charge)
    return this.#ask(op, here, () =>
      here.flatMap((charge) => chargeText(charge, charge.cost, this.#time.bordersOf(charge.limit))),
    )
  }

  async #ask(op: string, charges: readonly Charge[], text: () => string[]): Promise<Answer> {
    const keys = charges.map(({ scope, key }) => storeKey(this.prefix, scope, key))
    for (let asked = 0; asked < MAX_ASKED; asked++) {
      const answer = readAnswer(await this.#runner.run(keys, [op, this.#time.sent, ...text()]))
      this.#time.learn(answer.at)
      if (answer.decided) return answer
    }
    throw new Error("the server's time lies in none of the calendar windows that it was sent")
  }

  /** The charges by slot; all together where there are no slots. */
  #partsOf(charges: readonly Charge[]): Part[] {
    if (charges.length === 0) return []
    if (!this.connection.cluster || charges.length === 1) return [charges.map((_, index) => index)]
    const parts = new Map<number, number[]>()
    charges.forEach(({ scope, key }, index) => {
      const slot = slotOf(this.connection.keyPrefix + storeKey(this.prefix, scope, key))
      const part = parts.get(slot)
      if (part === undefined) parts.set(slot, [index])
      else part.push(index)
    })
    return [...parts.values()]
  }

  /** Undoes what parts of a request took, because another part refused or failed. */
  async #giveBack(
    charges: readonly Charge[],
    parts: readonly Part[],
    answers: readonly PromiseSettledResult<Answer>[],
    admitted: readonly boolean[],
  ): Promise<void> {
    const undone = parts.flatMap((part, index) => {
      const answer = answers[index]
      if (answer?.status !== 'fulfilled' || !admitted[index]) return []
      return part.flatMap((place, line): Settlement[] => {
        const charge = charges[place] as Charge
        const { allowed, at, resetAfter } = answer.value.verdicts[line] as StoreVerdict
        const taken = { cost: charge.cost, at, resetAfter, lease: charge.lease }
        return allowed && charge.cost > 0 ? [{ charge, taken, cost: 0 }] : []
      })
    })
    // The decision stands either way; what cannot be given back now comes back with time.
    await this.#settle('undo', undone).catch(() => {})
  }

  /** The verdicts of all parts, in the order of the charges. */
  #gather(
    parts: readonly Part[],
    answers: readonly PromiseSettledResult<Answer>[],
    which: 'taken' | 'untaken',
  ): StoreVerdict[] {
    const verdicts: StoreVerdict[] = []
    parts.forEach((part, index) => {
      const answer = answers[index]
      if (answer?.status !== 'fulfilled') return
      const offset = which === 'taken' ? 0 : part.length
      part.forEach((place, line) => {
        verdicts[place] = answer.value.verdicts[offset + line] as StoreVerdict
      })
    })
    return verdicts
  }
}

function isAdmitted(charges: readonly Charge[], part: Part, { verdicts }: Answer): boolean {
  return part.every((place, line) => verdicts[line]?.allowed || charges[place]?.enforce === false)
}

function checked(charges: readonly Charge[]): readonly Charge[] {
  for (const charge of charges) {
    checkCost(charge.limit, charge.cost)
    checkLease(charge)
  }
  return charges
}
