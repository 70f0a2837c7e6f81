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

describe('the limits of a gateway that says none', () => {
  it.each([
    ['a usual process', 2048 * MIB, 1_048_576, 16_384],
    ['few descriptors: two for each connection, and 128 for everything else', 2048 * MIB, 1024, 448],
    ['256 descriptors', 2048 * MIB, 256, 64],
    ['fewer descriptors than are kept for everything else', 2048 * MIB, 100, 8],
    ['a small heap', 256 * MIB, 1_048_576, 2048],
    ['no limit of descriptors that is known', 256 * MIB, undefined, 2048],
  ])('are those of %s', (_, heap, descriptors, maxConnections) => {
    expect(limitsOf({ heap, descriptors })).toEqual({ maxConnections, maxBodyMemory: heap / 4 })
  })

  it('hold for each of several workers', () => {
    const all = limitsOf({ heap: 256 * MIB, descriptors: 1024 }, { workers: 3 })
    expect(all).toEqual({ maxConnections: 3 * 448, maxBodyMemory: 3 * 64 * MIB })
    expect(shareOf(all, 3)).toEqual({ maxConnections: 448, maxBodyMemory: 64 * MIB })
  })

  it('are not used where the configuration says them', () => {
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
