import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

/**
 * Returns the number of cores that this process may use, at least 1: those of the machine, or fewer
 * if a control group limits its processor time, as a container with `--cpus 2` does. The result
 * is rounded down.
 *
 * @param root the root of the file system
 * @param cores the number of cores of the machine
 */
export function availableCores(root = '/', cores = availableParallelism()): number {
  return Math.max(1, Math.floor(Math.min(cores, coreQuota(root))))
}

/** Returns the smallest quota of the control groups of this process, in cores. */
function coreQuota(root: string): number {
  const groups = read(root, 'proc/self/cgroup')?.trim().split('\n') ?? []
  const quotas = groups.flatMap((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    // Version 2 has one hierarchy without named controllers.
    if (controllers === '') return foldersOf(path).map((folder) => quotaOfVersion2(root, folder))
    return controllers.split(',').includes('cpu')
      ? foldersOf(path).map((folder) => quotaOfVersion1(root, folder))
      : []
  })
  return Math.min(Number.POSITIVE_INFINITY, ...quotas)
}

/** Returns a group and its parents, each of which may have a quota. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return Array.from({ length: parts.length + 1 }, (_, length) => parts.slice(0, length).join('/'))
}

function quotaOfVersion2(root: string, folder: string): number {
  const [quota, period] = read(root, 'sys/fs/cgroup', folder, 'cpu.max')?.trim().split(' ') ?? []
  return coresOf(quota, period)
}

function quotaOfVersion1(root: string, folder: string): number {
  const value = (name: string) => read(root, 'sys/fs/cgroup/cpu', folder, name)?.trim()
  return coresOf(value('cpu.cfs_quota_us'), value('cpu.cfs_period_us'))
}

/** Returns the quota in cores; Infinity if there is none, which is written as `max` or -1. */
function coresOf(quota: string | undefined, period: string | undefined): number {
  const cores = Number(quota) / Number(period)
  return cores > 0 ? cores : Number.POSITIVE_INFINITY
}

function read(...path: readonly string[]): string | undefined {
  try {
    return readFileSync(join(...path), 'utf8')
  } catch {
    return undefined
  }
}
