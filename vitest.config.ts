import { defineConfig } from 'vitest/config'

/** Tests that start no server, browser or other process: the inner loop, `npm run test:unit`. */
const UNIT = [
  'packages/sluice/test/*.test.ts',
  'packages/sluice/test/{algorithms,http,limiter,limits,overload,rules,telemetry,time,waiting}/**/*.test.ts',
  'packages/sluice/test/stores/{memory,resilience}/**/*.test.ts',
  'packages/sluice/test/stores/redis/refusal-cache/*.test.ts',
  'packages/gateway/test/policy/**/*.test.ts',
  'packages/gateway/test/server/{identity,logging}/*.test.ts',
  'test/api-reference.test.ts',
]

/** Tests that kill, hang, cut or fill something. */
const FAULTS = [
  'packages/sluice/test/distributed/faults/*.test.ts',
  'packages/sluice/test/stores/redis/{failover,full-server}.test.ts',
  'packages/gateway/test/server/workers/*.test.ts',
  'packages/gateway/test/server/gateway/{killed,store-failure}.test.ts',
  'test/fuzz/{log-chaos,reload,spent-money}.test.ts',
]

/** Tests that replace modules or the timers of the process, or change its environment. */
const ALONE = [
  'packages/gateway/test/reworded-errors.test.ts',
  'packages/gateway/test/cli/stray-output.test.ts',
  'packages/gateway/test/replay/stats-thread.test.ts',
  'packages/gateway/test/server/admin/live/{compressed,sse-feed}.test.ts',
  'packages/gateway/test/server/files/hung-{acts,read}.test.ts',
  'packages/gateway/test/server/gateway/telemetry.test.ts',
  'packages/gateway/test/server/secrets/*.test.ts',
  'packages/sluice/test/adapters/**/*.test.ts',
  'packages/sluice/test/identity/cached-lookup.test.ts',
  'packages/sluice/test/stores/{memcached/command-timeout,redis/round-trips}.test.ts',
  'test/**/*.test.ts',
  'examples/**/test/**/*.test.ts',
]

const EVERYTHING = ['packages/*/test/**/*.test.ts', 'examples/**/test/**/*.test.ts', 'test/**/*.test.ts']
const ELSEWHERE = ['test/peers/**', '**/node_modules/**']

const timeouts = { testTimeout: 60_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    // Two cores: more workers than that only make the end-to-end tests wait for each other.
    maxWorkers: 2,
    projects: [
      // The files that a worker runs share their modules, which saves a third of the time. A
      // test that replaces a module belongs to another project.
      {
        test: {
          name: 'unit',
          include: UNIT,
          exclude: ELSEWHERE,
          isolate: false,
          ...timeouts,
        },
      },
      { test: { name: 'faults', include: FAULTS, exclude: ELSEWHERE, ...timeouts } },
      {
        test: {
          name: 'servers',
          include: EVERYTHING,
          exclude: [...ELSEWHERE, ...UNIT, ...FAULTS, ...ALONE],
          isolate: false,
          ...timeouts,
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          exclude: [...ELSEWHERE, ...UNIT, ...FAULTS],
          ...timeouts,
        },
      },
    ],
  },
})
