import { andThen, type MaybePromise, toMaybePromise } from '../maybe-promise.js'
import { OptionRangeError, OptionTypeError, unknownOption } from '../option-error.js'
import type { Client } from './client.js'
import type { ClassOptions, ConcurrencyRule } from './rule.js'

/** The classes of a rule, the first one served first. */
export interface Classes<Request> {
  /** Returns the index of a request's class. */
  readonly classFor: (request: Request, client: Client | undefined) => MaybePromise<number>
  readonly names: readonly string[]
  /** The part of the service that each class gets at least while it waits, from 0 to 1. */
  readonly floors: readonly number[]
  /** The part of the slots that each class may use, from 0 to 1. */
  readonly parts: readonly number[]
}

const MAX_CLASSES = 16
const DEFAULT_FLOOR = 0.05
/** The part of the slots for all classes but the first, which finds some free that way. */
const DEFAULT_PART = 0.9
const OPTIONS = ['floor', 'slots']
const EXAMPLE = "['interactive', { batch: { floor: '5%' } }]"

/**
 * Compiles the classes of a rule. Undefined without any.
 *
 * @throws OptionError that names the invalid option.
 */
export function classesOf<Request>({
  class: classOf,
  classes,
  wait,
}: ConcurrencyRule<Request>): Classes<Request> | undefined {
  if (classOf === undefined && classes === undefined) return undefined
  if (classOf === undefined)
    throw new OptionTypeError(['classes'], "'classes' requires 'class', which returns the class of a request")
  if (typeof classOf !== 'function')
    throw new OptionTypeError(
      ['class'],
      "'class' must be a function, such as (request, client) => client?.tier === 'batch' ? 'batch' : 'interactive'",
    )
  if (classes === undefined)
    throw new OptionTypeError(['class'], `'class' requires 'classes', such as ${EXAMPLE}`)
  if (wait === undefined)
    throw new OptionTypeError(
      ['class'],
      "'class' requires 'wait', such as wait: '10s': only requests that wait can be served by class",
    )
  const known = readClasses(classes)
  const names = [...known.keys()]
  const indexOf = (name: string): number => {
    const index = names.indexOf(name)
    if (index >= 0) return index
    throw new RangeError(`the class of a request must be one of ${names.join(', ')}, not '${String(name)}'`)
  }
  return {
    classFor: (request, client) => andThen(toMaybePromise(classOf(request, client)), indexOf),
    names,
    floors: [...known.values()].map(({ floor }) => floor),
    parts: [...known.values()].map(({ part }) => part),
  }
}

interface ClassTerms {
  readonly floor: number
  readonly part: number
}

function readClasses(classes: unknown): ReadonlyMap<string, ClassTerms> {
  if (!Array.isArray(classes) || classes.length < 2 || classes.length > MAX_CLASSES)
    throw new OptionTypeError(
      ['classes'],
      `'classes' must be a list of 2 to ${MAX_CLASSES} classes, the first one served first, such as ${EXAMPLE}`,
    )
  const known = new Map<string, ClassTerms>()
  for (const [index, each] of classes.entries()) {
    const [name, options] = readClass(each, index)
    if (known.has(name))
      throw new OptionTypeError(
        ['classes', index],
        `two classes are called '${name}'; give each its own name`,
      )
    if (index === 0 && Object.keys(options).length > 0)
      throw new OptionTypeError(
        ['classes', 0],
        `the first class is always served first; remove the options of '${name}'`,
      )
    known.set(name, {
      floor: index === 0 ? 0 : partOf(options, 'floor', DEFAULT_FLOOR, [index, name]),
      part: index === 0 ? 1 : partOf(options, 'slots', DEFAULT_PART, [index, name]),
    })
  }
  const floors = [...known.values()].reduce((sum, { floor }) => sum + floor, 0)
  if (floors >= 1)
    throw new OptionRangeError(
      ['classes'],
      `the floors of all classes must be less than 100 % together, not ${Math.round(100 * floors)} %`,
    )
  return known
}

function readClass(each: unknown, index: number): [name: string, options: ClassOptions] {
  const [entry, ...more] = typeof each === 'object' && each !== null ? Object.entries(each) : []
  const [name, options] = typeof each === 'string' ? [each, {}] : (entry ?? [])
  if (typeof name !== 'string' || !/^[a-zA-Z][\w-]{0,31}$/.test(name) || more.length > 0)
    throw new OptionTypeError(
      ['classes', index],
      `a class must be a name of up to 32 letters, digits, - and _, or an object such as { batch: { floor: '5%' } }`,
    )
  if (options === null || typeof options !== 'object')
    throw new OptionTypeError(
      ['classes', index, name],
      `the options of '${name}' must be an object such as { floor: '5%' }`,
    )
  for (const option of Object.keys(options))
    if (!OPTIONS.includes(option)) throw unknownOption(`the class '${name}'`, option, OPTIONS)
  return [name, options]
}

function partOf(
  options: ClassOptions,
  option: 'floor' | 'slots',
  fallback: number,
  [index, name]: readonly [number, string],
): number {
  const value = options[option]
  if (value === undefined) return fallback
  const [, digits] = typeof value === 'string' ? (/^(\d+(?:\.\d+)?)\s*%$/.exec(value) ?? []) : []
  const part = typeof value === 'number' ? value : Number(digits ?? Number.NaN) / 100
  const least = option === 'floor' ? 0 : Number.MIN_VALUE
  if (part >= least && part <= 1) return part
  throw new OptionRangeError(
    ['classes', index, name, option],
    `'${option}' must be a part such as '5%' or 0.05, ${option === 'floor' ? 'from 0 to 1' : 'more than 0 and at most 1'}, not '${String(value)}'`,
  )
}
