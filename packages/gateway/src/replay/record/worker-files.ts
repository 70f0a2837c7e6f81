import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** A file of a record, and the number of files that its rotation may have left. */
export interface RotatedFile {
  readonly file: string
  readonly count: number
}

/**
 * Returns the file to which a worker records: `traffic.worker-1.jsonl.gz` if the configured file is
 * `traffic.jsonl.gz`.
 *
 * @param worker its number, from 1
 */
export function workerFile(file: string, worker: number): string {
  const { stem, ending } = nameParts(file)
  return join(dirname(file), `${stem}.worker-${worker}${ending}`)
}

/**
 * Finds the files of a record: the configured one, to which a gateway without workers records, then
 * those of its workers by number. The first need not exist.
 */
export async function findRecord(file: string): Promise<readonly [RotatedFile, ...RotatedFile[]]> {
  /** The highest number of a rotated file, by worker. */
  const rotations = new Map<number, number>()
  for (const name of await namesIn(dirname(file))) {
    const found = parseName(name, file)
    if (found === undefined) continue
    const { worker, rotation } = found
    rotations.set(worker, Math.max(rotation, rotations.get(worker) ?? 0))
  }
  // Includes one more file, because a file may be rotated in the meantime.
  const countOf = (worker: number) => (rotations.get(worker) ?? 0) + 2
  const workers = [...rotations.keys()].filter((worker) => worker > 0).sort((a, b) => a - b)
  return [
    { file, count: countOf(0) },
    ...workers.map((worker) => ({ file: workerFile(file, worker), count: countOf(worker) })),
  ]
}

/** Splits `traffic.jsonl.gz` into its stem, `traffic`, and its ending, `.jsonl.gz`. */
function nameParts(file: string): { readonly stem: string; readonly ending: string } {
  const name = basename(file)
  const ending = /(?<=.)(\.[^.]+)?(\.gz)?$/.exec(name)?.[0] ?? ''
  return { stem: name.slice(0, name.length - ending.length), ending }
}

/** Returns the worker (0 for none) and the rotation number of a file; undefined for other files. */
function parseName(
  name: string,
  file: string,
): { readonly worker: number; readonly rotation: number } | undefined {
  const { stem, ending } = nameParts(file)
  if (!name.startsWith(stem)) return undefined
  const [prefix = '', worker = '0'] =
    /^(?:\.worker-([1-9]\d{0,2})(?!\d))?/.exec(name.slice(stem.length)) ?? []
  const rest = name.slice(stem.length + prefix.length)
  if (!rest.startsWith(ending)) return undefined
  const rotated = /^(?:\.([1-9]\d{0,2}))?$/.exec(rest.slice(ending.length))
  return rotated === null ? undefined : { worker: Number(worker), rotation: Number(rotated[1] ?? 0) }
}

/** Returns no names if the folder cannot be listed; its files may still be readable. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => [])
}
