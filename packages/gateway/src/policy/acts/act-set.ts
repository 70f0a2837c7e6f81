import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { type Act, actId, MAX_CLIENT_LENGTH, MAX_REASON_LENGTH } from './act.js'
import { canonicalNetwork } from './network-map.js'

/** The acts of a fleet, as one version of a document. */
export interface ActSet {
  /** `NUMBER:TAG`: a number that grows with each change, and a random tag that makes it unique. */
  readonly version: string
  readonly acts: readonly Act[]
  /** Entries that this version of the gateway cannot read. They are kept for others that can. */
  readonly unreadable: readonly unknown[]
}

export const NO_ACTS: ActSet = { version: '0:', acts: [], unreadable: [] }

const text = (max: number) => z.string().min(1).max(max)
const time = z.number().int().nonnegative()
const target = z.object({ route: text(1000), rule: text(64), scope: text(4096) })
const limit = z.union([text(100), z.number().int().positive()])
const common = {
  id: z.string(),
  by: text(64),
  reason: text(MAX_REASON_LENGTH),
  at: time,
  until: time.optional(),
}
const client = text(MAX_CLIENT_LENGTH)
const scale = z.number().positive().max(1e6)
const address = z.string().refine((value) => canonicalNetwork(value) === value)

const ACT = z
  .union([
    z.strictObject({ ...common, act: z.literal('block'), client }),
    z.strictObject({ ...common, act: z.literal('block'), address }),
    z.strictObject({ ...common, act: z.literal('override'), client, target: target.optional(), scale }),
    z.strictObject({ ...common, act: z.literal('override'), client, target, limit }),
    z.strictObject({ ...common, act: z.literal('shadow'), target, shadow: z.boolean() }),
    z.strictObject({ ...common, act: z.literal('limit'), target, limit }),
  ])
  .refine((act) => actId(act as Act) === act.id)

/**
 * Parses the entries of a stored set.
 *
 * @throws TypeError if they are not a list
 */
export function readActs(version: string, entries: unknown): ActSet {
  if (!/^\d{1,15}:\w*$/.test(version) || !Array.isArray(entries))
    throw new TypeError('not a list of acts of the gateway')
  const acts: Act[] = []
  const unreadable: unknown[] = []
  for (const entry of entries) {
    const result = ACT.safeParse(entry)
    if (result.success) acts.push(result.data as Act)
    else unreadable.push(entry)
  }
  return { version, acts, unreadable }
}

/** Returns the entries to store. */
export function entriesOf({ acts, unreadable }: ActSet): readonly unknown[] {
  return [...acts, ...unreadable]
}

/** Returns the number in a version. */
export function versionNumber(version: string): number {
  return Number(version.split(':', 1)[0])
}

/** Returns a new version after another. */
export function versionAfter(version: string): string {
  return `${versionNumber(version) + 1}:${randomBytes(6).toString('hex')}`
}
