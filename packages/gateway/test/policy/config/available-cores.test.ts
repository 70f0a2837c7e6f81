import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { availableCores } from '../../../src/policy/config/available-cores.js'

/** Returns the number of available cores on a machine that has 8 cores and these files. */
function coresWith(files: Readonly<Record<string, string>>): number {
  const root = mkdtempSync(join(tmpdir(), 'sluice-cores-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return availableCores(root, 8)
}

describe('the number of available cores', () => {
  it.each([
    ['no cgroups', {}, 8],
    ['no quota', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' }, 8],
    ['a quota of 2.5 cores', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '250000 100000\n' }, 2],
    [
      'a quota of half a core',
      { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '50000 100000\n' },
      1,
    ],
    [
      'a quota above the number of cores',
      { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '1600000 100000\n' },
      8,
    ],
    [
      'a smaller quota of the parent group',
      {
        'proc/self/cgroup': '0::/pods/one\n',
        'sys/fs/cgroup/pods/one/cpu.max': '600000 100000\n',
        'sys/fs/cgroup/pods/cpu.max': '300000 100000\n',
      },
      3,
    ],
    [
      'a quota of cgroup v1',
      {
        'proc/self/cgroup': '11:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n',
        'sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us': '400000\n',
        'sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us': '100000\n',
      },
      4,
    ],
    [
      'a quota of cgroup v1 in a container, which sees only its own group',
      {
        'proc/self/cgroup': '4:cpu,cpuacct:/docker/x\n',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      2,
    ],
    [
      'cgroup v1 and no quota',
      {
        'proc/self/cgroup': '4:cpu,cpuacct:/\n',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      8,
    ],
    ['unreadable numbers', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'x\n' }, 8],
  ])('is correct with %s', (_case, files, cores) => {
    expect(coresWith(files as Record<string, string>)).toBe(cores)
  })
})
