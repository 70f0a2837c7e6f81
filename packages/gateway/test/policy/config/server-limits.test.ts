import { describe, expect, it } from 'vitest'
import { type ServerLimits, serverLimits, shareOf } from '../../../src/policy/config/server-limits.js'

const MIB = 2 ** 20

function limitsOf(
  resources: { heap: number; descriptors: number | undefined },
  config: { workers?: number; server?: Partial<ServerLimits> } = {},
): ServerLimits {
  const { workers = 1, server = {} } = config
  return serverLimits({ workers, server }, resources)
}

describe('serverLimits', () => {
  it.each([
    ['many descriptors', 2048 * MIB, 1_048_576, 16_384],
    ['1,024 descriptors: two per connection, and 128 reserved', 2048 * MIB, 1024, 448],
    ['256 descriptors', 2048 * MIB, 256, 64],
    ['fewer descriptors than are reserved', 2048 * MIB, 100, 8],
    ['a small heap', 256 * MIB, 1_048_576, 2048],
    ['an unknown descriptor limit', 256 * MIB, undefined, 2048],
  ])('derives the limits from the resources of a process with %s', (_, heap, descriptors, maxConnections) => {
    expect(limitsOf({ heap, descriptors })).toEqual({ maxConnections, maxBodyMemory: heap / 4 })
  })

  it('multiplies the limits of a process by the number of workers', () => {
    const all = limitsOf({ heap: 256 * MIB, descriptors: 1024 }, { workers: 3 })
    expect(all).toEqual({ maxConnections: 3 * 448, maxBodyMemory: 3 * 64 * MIB })
    expect(shareOf(all, 3)).toEqual({ maxConnections: 448, maxBodyMemory: 64 * MIB })
  })

  it('uses the configured limits and divides them between the workers', () => {
    const server = { maxConnections: 10, maxBodyMemory: 3 * MIB }
    const all = limitsOf({ heap: 256 * MIB, descriptors: 1024 }, { workers: 4, server })
    expect(all).toEqual(server)
    expect(shareOf(all, 4)).toEqual({ maxConnections: 2, maxBodyMemory: (3 * MIB) / 4 })
    expect(shareOf({ maxConnections: 1, maxBodyMemory: 1 }, 4)).toEqual({
      maxConnections: 1,
      maxBodyMemory: 1,
    })
  })
})
