import { algorithmOf } from '../../algorithms/registry.js'
import { timeToDrain } from '../../algorithms/token-bucket.js'
import type { Limit, TokenBucketLimit } from '../../limits/limit.js'
import { leaseName } from '../lease-name.js'
import type {
  PreparedCharge,
  PreparedCharges,
  PreparedObserver,
  PreparedRule,
  TakenRequest,
} from '../preparing-store.js'
import type { StoreVerdict } from '../store.js'
import { BUCKET, CALENDAR, FIXED, kindOf, type LimitEntry, LOG, SLIDING, SLOTS } from './limit-entries.js'
import { MAX_ENTRY_COST } from './log-arena.js'
import { MAX_WIDTH, savedState, WIDTHS } from './saved-state.js'
import { isSamePage, OFFSET_MASK } from './slot-arena.js'
import type { Scope, StateTable } from './state-table.js'

/** The largest count of a window. */
const MAX_COUNT = 0xffff_ffff
/**
 * Saved numbers per array. A decision that is retained for long keeps its whole array in memory.
 */
const SAVED = 128

/** A charge, with the working memory of the current take. */
class MemoryCharge implements PreparedCharge {
  key = ''
  limit: Limit | undefined
  cost = 1
  entry: LimitEntry | undefined
  /** Slot of the key; 0 if the key has no state. */
  slot = 0
  /** The limit of the state in the slot. */
  stored: LimitEntry | undefined
  /** Distance from the slot of the previous charge. */
  stride = 1
  fits = false

  constructor(
    public scope: Scope,
    public enforce: boolean,
  ) {}
}

/**
 * Takes charges to different scopes by calculating with plain numbers, without an object per
 * charge. The decisions equal those of `Judgement`, which decides when the numbers do not suffice,
 * for example because a clock was set back or the limit of a key changed its algorithm.
 */
export class MemoryCharges implements PreparedCharges {
  readonly charges: readonly MemoryCharge[]
  verdicts: readonly StoreVerdict[] = []
  numbers: number[] = []
  offset = 0
  #end = 0
  readonly #states: StateTable
  readonly #observe: PreparedObserver | undefined
  /** True if the current take looked up the limit of a charge. */
  #isNewLimit = false
  /** The states found by the current take: `MAX_WIDTH` numbers for each charge. */
  readonly #found: Float64Array

  constructor(states: StateTable, rules: readonly PreparedRule[], observe?: PreparedObserver) {
    this.#states = states
    this.#observe = observe
    this.charges = rules.map(({ scope, enforce }) => new MemoryCharge(states.scope(scope), enforce))
    this.#found = new Float64Array(rules.length * MAX_WIDTH)
  }

  take(key?: string): 'taken' | 'judged' | undefined {
    if (this.#observe === undefined) return this.#take(key)
    const startedAt = performance.now()
    const outcome = this.#take(key)
    if (outcome !== undefined) this.#observe('take', performance.now() - startedAt)
    return outcome
  }

  #take(key: string | undefined): 'taken' | 'judged' | undefined {
    const { charges } = this
    this.#states.begin()
    this.#states.collect(charges.length)
    const outcome = charges.length === 1 ? this.#takeOne(charges[0] as MemoryCharge, key) : undefined
    return outcome ?? this.#takeEach(key)
  }

  /**
   * Takes the only charge from a state under its limit, in 0.8 times the time of `#takeEach`.
   * Returns undefined, and takes nothing, if there is no such state or the charge does not fit.
   */
  #takeOne(charge: MemoryCharge, key = charge.key): 'taken' | undefined {
    const { limit, entry, cost } = charge
    if (entry === undefined || entry.limit !== limit || !entry.isCurrent) return undefined
    const states = this.#states
    states.hash(key)
    const slot = states.findHashed(charge.scope)
    if (slot === 0 || states.slots.tag(slot) !== entry.id) return undefined
    // A method per kind, each reading and writing the arrays once: judging, writing and saving in
    // separate steps takes a window 70 ns longer.
    switch (entry.kind) {
      case BUCKET:
        return this.#takeFromBucket(entry, slot, cost)
      case FIXED:
        return this.#takeFromFixed(entry, slot, cost)
      case SLIDING:
        return this.#takeFromSliding(entry, slot, cost)
    }
    if (this.#judge(0, entry, slot, cost) !== true || cost === 0) return undefined
    this.#write(0, slot, entry, cost)
    this.#save()
    return 'taken'
  }

  #takeFromBucket(entry: LimitEntry, slot: number, cost: number): 'taken' | undefined {
    const { now, slots } = this.#states
    const numbers = slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    const drained = ((now - (numbers[offset] as number)) * entry.units) / entry.period
    const level = Math.max(0, (numbers[offset + 1] as number) - drained)
    if (!(drained >= 0 && level + cost <= entry.capacity) || cost === 0) return undefined
    numbers[offset] = now
    numbers[offset + 1] = level + cost
    const place = this.#placeFor(3)
    const saved = this.numbers
    saved[place] = now
    saved[place + 1] = cost
    saved[place + 2] = level
    return 'taken'
  }

  #takeFromFixed(entry: LimitEntry, slot: number, cost: number): 'taken' | undefined {
    const { now, slots } = this.#states
    const numbers = slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    const start = numbers[offset] as number
    if (now < (numbers[offset + 1] as number) || now >= start + entry.period) return undefined
    const count = slots.count(slot)
    if (count + cost > Math.min(entry.capacity, MAX_COUNT) || cost === 0) return undefined
    numbers[offset + 1] = now
    slots.setCount(slot, count + cost)
    const place = this.#placeFor(4)
    const saved = this.numbers
    saved[place] = now
    saved[place + 1] = cost
    saved[place + 2] = start
    saved[place + 3] = count
    return 'taken'
  }

  #takeFromSliding(entry: LimitEntry, slot: number, cost: number): 'taken' | undefined {
    const { now, slots } = this.#states
    const numbers = slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    const start = numbers[offset] as number
    if (now < (numbers[offset + 1] as number) || now >= start + entry.period) return undefined
    const current = slots.count(slot)
    const previous = slots.previousCount(slot)
    const estimate = previous * (1 - (now - start) / entry.period) + (current + cost)
    if (estimate > entry.capacity || current + cost > MAX_COUNT || cost === 0) return undefined
    numbers[offset + 1] = now
    slots.setCount(slot, current + cost)
    const place = this.#placeFor(5)
    const saved = this.numbers
    saved[place] = now
    saved[place + 1] = cost
    saved[place + 2] = start
    saved[place + 3] = previous
    saved[place + 4] = current
    return 'taken'
  }

  // Long methods access the arrays of the arena directly. V8 inlines at most 920 bytes of bytecode
  // into a hot function, so splitting them into helpers would cost 50 ns per decision.
  #takeEach(key: string | undefined): 'taken' | 'judged' | undefined {
    const states = this.#states
    const { charges } = this
    const { now, slots } = states
    let allFit = true
    let admitted = true
    let created = 0
    let last = 0
    this.#isNewLimit = false
    for (let index = 0; index < charges.length; index++) {
      const charge = charges[index] as MemoryCharge
      const { limit, cost, scope } = charge
      if (limit === undefined) continue
      if (key !== undefined) charge.key = key
      let { entry } = charge
      if (entry === undefined || entry.limit !== limit || !entry.isCurrent) {
        entry = this.#setEntry(charge, limit)
        if (entry === undefined) return undefined
      }
      states.hash(charge.key)
      // A key that is new to all rules gets adjacent slots. The distance seen in the previous
      // request is tried before the index, so that five rules take 2.6 times as long as one instead
      // of 3.5 times. This check compares 56 bits of the hash for a single slot.
      const predicted = last + charge.stride
      const slot =
        last !== 0 && isSamePage(predicted, last) && states.isHashed(predicted, scope)
          ? predicted
          : states.findHashed(scope)
      charge.slot = slot
      charge.stride = slot - last
      last = slot
      let level = 0
      if (slot === 0) {
        if (scope.overflow !== undefined || states.room <= created) return undefined
        if (cost > 0) created++
        charge.stored = entry
      } else {
        const stored = slots.tag(slot) === entry.id ? entry : this.#convertible(slot, entry, cost)
        if (stored === undefined) return undefined
        charge.stored = stored
        if (entry.kind === BUCKET) {
          const draining = stored === entry || entry.isFasterThan(stored) ? entry : stored
          const numbers = slots.numbersOf(slot)
          const offset = (slot & OFFSET_MASK) * 4
          const drained = ((now - (numbers[offset] as number)) * draining.units) / draining.period
          if (drained < 0) return undefined
          level = Math.max(0, (numbers[offset + 1] as number) - drained)
        }
      }
      let fits: boolean | undefined
      if (entry.kind === BUCKET) {
        this.#found[index * MAX_WIDTH] = level
        fits = level + cost <= entry.capacity || cost === 0
      } else fits = this.#judge(index * MAX_WIDTH, entry, slot, cost)
      if (fits === undefined) return undefined
      charge.fits = fits
      if (!fits) {
        allFit = false
        if (charge.enforce) admitted = false
      }
    }
    // The id of an earlier charge's limit may have been assigned to the limit of a later charge.
    if (this.#isNewLimit && charges.some(isOutdated)) return undefined
    if (!allFit) this.#judgeAll(admitted)
    if (admitted) {
      for (let index = 0; index < charges.length; index++) {
        const { limit, entry, slot, stored, fits, cost } = charges[index] as MemoryCharge
        if (limit === undefined || entry === undefined || cost === 0 || !fits) continue
        // Written inline, because most charges are to an existing bucket.
        if (slot !== 0 && entry.kind === BUCKET && stored === entry) {
          const numbers = slots.numbersOf(slot)
          const offset = (slot & OFFSET_MASK) * 4
          numbers[offset] = now
          numbers[offset + 1] = (this.#found[index * MAX_WIDTH] as number) + cost
        } else this.#commit(index, entry)
      }
    }
    if (!allFit) return 'judged'
    this.#save()
    return 'taken'
  }

  /** Looks up the limit of a charge. Returns undefined if it has no id. */
  #setEntry(charge: MemoryCharge, limit: Limit): LimitEntry | undefined {
    this.#isNewLimit = true
    charge.entry = this.#states.limits.of(limit)
    return charge.entry
  }

  /** Returns the limit of a state if the state can also count a charge under another limit. */
  #convertible(slot: number, entry: LimitEntry, cost: number): LimitEntry | undefined {
    // A bucket from which nothing is taken still drains at the faster rate of its previous limit.
    return entry.kind === BUCKET && cost === 0 ? undefined : this.#states.convertible(slot, entry)
  }

  /**
   * Finds the state of a charge to anything but a bucket, and reports whether the charge fits.
   * Returns undefined if the charge requires `Judgement`.
   */
  #judge(base: number, entry: LimitEntry, slot: number, cost: number): boolean | undefined {
    const found = this.#found
    const { slots, typed, now } = this.#states
    const { period, capacity } = entry
    const numbers = slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    const first = numbers[offset] as number
    const second = numbers[offset + 1] as number
    switch (entry.kind) {
      case FIXED: {
        if (slot !== 0 && now < second) return undefined
        const isOpen = slot !== 0 && now < first + period
        const count = isOpen ? slots.count(slot) : 0
        found[base] = isOpen ? first : now
        found[base + 1] = count
        if (count + cost > MAX_COUNT) return undefined
        return cost === 0 || count + cost <= capacity
      }
      case CALENDAR: {
        const wallTime = this.#states.wallTime
        entry.setWindowAt(wallTime)
        const start = entry.windowStart
        if (slot !== 0 && (wallTime < second || first > start)) return undefined
        const count = slot !== 0 && first === start ? slots.count(slot) : 0
        found[base] = start
        found[base + 1] = count
        found[base + 2] = wallTime
        if (count + cost > MAX_COUNT) return undefined
        return cost === 0 || count + cost <= capacity
      }
      case SLIDING: {
        let start = now
        let previous = 0
        let current = 0
        if (slot !== 0) {
          if (now < second) return undefined
          const windows = Math.floor((now - first) / period)
          if (windows === 0) {
            start = first
            current = slots.count(slot)
            previous = slots.previousCount(slot)
          } else if (windows === 1 && slots.count(slot) > 0) {
            start = first + period
            previous = slots.count(slot)
          }
        }
        found[base] = start
        found[base + 1] = previous
        found[base + 2] = current
        if (current + cost > MAX_COUNT) return undefined
        return cost === 0 || previous * (1 - (now - start) / period) + (current + cost) <= capacity
      }
      case LOG: {
        let units = 0
        if (cost > MAX_ENTRY_COST) return undefined
        if (slot !== 0) {
          const { logs } = typed
          if (typed.isAhead(slot, entry, now)) return undefined
          logs.expire(slot, now, period)
          units = logs.units(slot)
          if (units > 0) {
            found[base + 1] = logs.timeOf(logs.first(slot))
            found[base + 2] = logs.timeOf(logs.last(slot))
          }
        }
        found[base] = units
        // A verdict on a cost of 0 needs all entries of a log in debt.
        if (cost === 0) return units <= capacity ? true : undefined
        return units + cost <= capacity
      }
      default: {
        let held = 0
        if (slot !== 0) {
          const { leases } = typed
          if (typed.isAhead(slot, entry, now)) return undefined
          leases.expire(slot, now)
          held = leases.slotsOf(slot)
          found[base + 1] = leases.endOf(leases.first(slot))
          found[base + 2] = leases.endOf(leases.last(slot))
        }
        found[base] = held
        found[base + 3] = 0
        if (cost === 0) return held <= capacity ? true : undefined
        return held + cost <= capacity
      }
    }
  }

  /** Computes the verdicts, before the charges that fit are taken. */
  #judgeAll(admitted: boolean): void {
    const { typed, now } = this.#states
    this.verdicts = this.charges.flatMap((charge, index): StoreVerdict[] => {
      const { limit, entry, stored, slot, cost, fits } = charge
      if (limit === undefined || entry === undefined || stored === undefined) return []
      const algorithm = algorithmOf(limit)
      // The verdict depends only on the first entries or leases that add up to this many units.
      const used = this.#found[index * MAX_WIDTH] as number
      const enough = Math.max(1, used - limit.limit + 1, used + cost - limit.limit)
      const at = entry.kind === CALENDAR ? (this.#found[index * MAX_WIDTH + 2] as number) : now
      const state =
        slot === 0
          ? algorithm.fresh(limit, at)
          : algorithm.advance(limit, typed.read(slot, stored, enough), at, stored.limit)
      const verdict = algorithm.judge(limit, state, cost)
      // In a refused request, a charge that fits is not taken, and its verdict reports the
      // unchanged state.
      return [fits && !admitted ? { ...verdict, ...algorithm.judge(limit, state, 0) } : verdict]
    })
  }

  /** Takes a charge that fits. */
  #commit(index: number, entry: LimitEntry): void {
    const states = this.#states
    const { cost, slot, stored, scope, key } = this.charges[index] as MemoryCharge
    if (slot === 0) {
      const created = states.create(scope, key, entry)
      this.#write(index, created, entry, cost)
      states.schedule(created, entry)
      return
    }
    this.#write(index, slot, entry, cost)
    if (stored !== undefined && stored !== entry) states.retag(slot, stored, entry)
  }

  // Writes to the arrays directly, because passing fractions as arguments would allocate them.
  #write(index: number, slot: number, entry: LimitEntry, cost: number): void {
    const { slots, typed, now } = this.#states
    const found = this.#found
    const base = index * MAX_WIDTH
    const numbers = slots.numbersOf(slot)
    const offset = (slot & OFFSET_MASK) * 4
    switch (entry.kind) {
      case BUCKET:
        numbers[offset] = now
        numbers[offset + 1] = (found[base] as number) + cost
        break
      case FIXED:
      case CALENDAR:
        numbers[offset] = found[base] as number
        numbers[offset + 1] = entry.kind === FIXED ? now : (found[base + 2] as number)
        slots.setCount(slot, (found[base + 1] as number) + cost)
        break
      case SLIDING:
        numbers[offset] = found[base] as number
        numbers[offset + 1] = now
        slots.setPreviousCount(slot, found[base + 1] as number)
        slots.setCount(slot, (found[base + 2] as number) + cost)
        break
      case LOG:
        typed.logs.append(slot, now, cost)
        break
      default:
        found[base + 3] = typed.leases.add(slot, now + entry.period, cost)
    }
  }

  newLease(index: number): string | undefined {
    const { entry, limit, fits } = this.charges[index] as MemoryCharge
    const id = this.#found[index * MAX_WIDTH + 3] as number
    return limit !== undefined && entry?.kind === SLOTS && fits && id !== 0 ? leaseName(id) : undefined
  }

  /** Saves the numbers of the take. */
  #save(): void {
    const { charges } = this
    let end = this.#placeFor(charges.length * (MAX_WIDTH + 1) + 1)
    const { numbers } = this
    const found = this.#found
    numbers[end++] = this.#states.now
    for (let index = 0; index < charges.length; index++) {
      const { limit, entry, cost } = charges[index] as MemoryCharge
      if (limit === undefined) continue
      numbers[end++] = cost
      const base = index * MAX_WIDTH
      const { kind } = entry as LimitEntry
      if (kind === BUCKET) {
        numbers[end++] = found[base] as number
        continue
      }
      const width = WIDTHS[kind] as number
      for (let each = 0; each < width; each++) numbers[end++] = found[base + each] as number
    }
    this.#end = end
  }

  /** Returns where to save numbers, and sets `numbers` and `offset`. */
  #placeFor(size: number): number {
    if (this.#end + size > this.numbers.length) {
      this.numbers = newNumbers(Math.max(SAVED, size))
      this.#end = 0
    }
    const place = this.#end
    this.offset = place
    this.#end = place + size
    return place
  }

  verdict(index: number, request: TakenRequest): StoreVerdict {
    const limit = request.limits[index] as Limit
    const state = savedState(
      limit,
      request.numbers,
      this.#baseOf(index, request),
      request.numbers[request.offset] as number,
    )
    return algorithmOf(limit).judge(limit, state, this.cost(index, request))
  }

  lease(index: number, request: TakenRequest): string | undefined {
    const limit = request.limits[index]
    if (limit?.algorithm !== 'concurrency') return undefined
    const id = request.numbers[this.#baseOf(index, request) + 3] as number
    return id === 0 ? undefined : leaseName(id)
  }

  settle(index: number, request: TakenRequest, cost: number): boolean {
    if (this.#observe === undefined) return this.#settle(index, request, cost)
    const startedAt = performance.now()
    const isSettled = this.#settle(index, request, cost)
    if (isSettled) this.#observe('settle', performance.now() - startedAt)
    return isSettled
  }

  #settle(index: number, request: TakenRequest, cost: number): boolean {
    const states = this.#states
    const charge = this.charges[index] as MemoryCharge
    const entry = states.limits.of(request.limits[index] as Limit)
    states.begin()
    const slot = entry === undefined ? 0 : states.find(charge.scope, request.keyOf(index))
    if (entry === undefined || slot === 0 || states.slots.tag(slot) !== entry.id) return false
    const { slots, typed, now } = states
    const isCalendar = entry.kind === CALENDAR
    const time = isCalendar ? states.wallTime : now
    if (typed.isAhead(slot, entry, time)) return false
    const base = this.#baseOf(index, request)
    const saved = request.numbers[base] as number
    const at = request.numbers[isCalendar ? base + 2 : request.offset] as number
    const takenCost = this.cost(index, request)
    const difference = cost - takenCost
    switch (entry.kind) {
      case BUCKET: {
        const resetAfter = timeToDrain(entry.limit as TokenBucketLimit, saved + takenCost)
        const stillCounted = Math.max(0, ((at + resetAfter - now) * entry.units) / entry.period)
        const level = Math.max(0, typed.levelAt(slot, entry, now) + Math.max(difference, -stillCounted))
        slots.setNumbers(slot, now, level)
        return this.#settled(slot, entry, level === 0)
      }
      case FIXED:
      case CALENDAR: {
        if (!this.#judge(0, entry, slot, 0)) return false
        const start = this.#found[0] as number
        const counted = this.#found[1] as number
        // A refund into a window that has ended is lost.
        const count = difference < 0 && at < start ? counted : Math.max(0, counted + difference)
        if (count > MAX_COUNT) return false
        slots.setNumbers(slot, start, time)
        slots.setCount(slot, count)
        return this.#settled(slot, entry, count === 0)
      }
      case SLIDING: {
        if (!this.#judge(0, entry, slot, 0)) return false
        let [start, previous, current] = this.#found as unknown as [number, number, number]
        if (difference >= 0 || at >= start) current = Math.max(0, current + difference)
        else if (at >= start - entry.period) previous = Math.max(0, previous + difference)
        if (current > MAX_COUNT) return false
        slots.setNumbers(slot, start, now)
        slots.setCount(slot, current)
        slots.setPreviousCount(slot, previous)
        return this.#settled(slot, entry, previous === 0 && current === 0)
      }
      case LOG: {
        const { logs } = typed
        logs.expire(slot, now, entry.period)
        if (difference <= 0) logs.refund(slot, at, -difference)
        else if (difference > MAX_ENTRY_COST) return false
        else logs.append(slot, now, difference)
        return this.#settled(slot, entry, logs.first(slot) === 0)
      }
      default: {
        typed.leases.expire(slot, now)
        const lease = typed.leases.find(slot, request.numbers[base + 3] as number)
        // A lease that has ended has nothing to release.
        return lease === 0 ? cost === 0 : states.settleSlots(slot, entry, lease, cost)
      }
    }
  }

  /** Deletes an empty state. Otherwise, schedules its expiry, which may now be earlier. */
  #settled(slot: number, entry: LimitEntry, isEmpty: boolean): true {
    if (isEmpty) this.#states.delete(slot)
    else this.#states.schedule(slot, entry)
    return true
  }

  cost(index: number, request: TakenRequest): number {
    return request.numbers[this.#baseOf(index, request) - 1] as number
  }

  /** Returns the index of the first number saved for a charge. */
  #baseOf(index: number, { limits, offset }: TakenRequest): number {
    let base = offset + 2
    for (let each = 0; each < index; each++) {
      const limit = limits[each]
      if (limit !== undefined) base += 1 + (WIDTHS[kindOf(limit)] as number)
    }
    return base
  }
}

function isOutdated({ limit, entry }: MemoryCharge): boolean {
  return limit !== undefined && entry?.isCurrent === false
}

/** Returns an array of doubles. */
function newNumbers(size: number): number[] {
  // Copying is faster than filling.
  return size === SAVED ? EMPTY.slice() : new Array<number>(size).fill(0.5)
}

const EMPTY: readonly number[] = new Array<number>(SAVED).fill(0.5)
