/** The work of a call other than tokens. Each is 0 or more, and absent if the API has no such work. */
export interface CallWork {
  /** The images that are billed one by one, such as those to generate. */
  readonly images?: number
  /** The seconds of audio that are billed. Fractions are allowed. */
  readonly audioSeconds?: number
  /** The characters to convert to speech. */
  readonly characters?: number
  /** The rows of the first input. */
  readonly rows?: number
}

/** The units that a limit can count, and the work of a call in each, as a whole number. */
const WORK_UNITS = {
  images: ({ images }) => images,
  audio_seconds: ({ audioSeconds }) => audioSeconds && Math.ceil(audioSeconds),
  characters: ({ characters }) => characters,
  rows: ({ rows }) => rows,
} satisfies Record<string, (work: CallWork) => number | undefined>

/** A unit of work that a limit can count. */
export type WorkUnit = keyof typeof WORK_UNITS

/** Reports whether a resource is a unit of work that the shape of a call may count. */
export function isWorkUnit(resource: string | undefined): resource is WorkUnit {
  return resource !== undefined && Object.hasOwn(WORK_UNITS, resource)
}

/** Returns the work of a call in one unit, as a whole number. */
export function workIn(unit: WorkUnit, work: CallWork): number {
  return WORK_UNITS[unit](work) ?? 0
}

/** Lists the units that a call has, even if it has none of that work. */
export function workUnitsOf(work: CallWork): readonly WorkUnit[] {
  return (Object.keys(WORK_UNITS) as WorkUnit[]).filter((unit) => WORK_UNITS[unit](work) !== undefined)
}
