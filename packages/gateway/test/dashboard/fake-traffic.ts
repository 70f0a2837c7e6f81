import type { ListedKey } from '../../src/server/admin/api/admin-keys.js'
import type { ClientState } from '../../src/server/admin/api/client-status.js'
import type { ClientTree, TreeLimit, TreeNode } from '../../src/server/admin/api/client-tree.js'
import type { RuleStatus, Status } from '../../src/server/admin/api/gateway-status.js'
import type { Latency, RouteSample, Sample } from '../../src/server/admin/api/live-samples.js'
import type { RecentRefusal } from '../../src/server/admin/api/recent-refusals.js'
import type { SpendReport } from '../../src/server/admin/api/spend-report.js'
import type { FakeAdminState } from './fake-admin.js'

/** Returns plausible, deterministic traffic for the routes. */
function history(routes: readonly string[], seconds: number, end: number): Sample[] {
  return Array.from({ length: seconds }, (_, index) =>
    sample(routes, end - (seconds - 1 - index) * 1000, index),
  )
}

export function sample(routes: readonly string[], at: number, step: number): Sample {
  const traffic = routes.slice(0, 30).map((route, index) => [route, routeSample(index, step)] as const)
  const sum = (select: (each: RouteSample) => number) =>
    traffic.reduce((total, [, each]) => total + select(each), 0)
  return {
    at,
    seconds: 1,
    routes: Object.fromEntries(traffic),
    store: { ...latency(40, 0.02, step), failures: 0 },
    inFlight: sum((each) => each.inFlight),
    waiting: sum((each) => each.waiting),
    models: tokensOf(['llama-3.3-70b', 'gpt-oss-120b', 'x'.repeat(100), '<b>not markup</b>'], step),
    clients: tokensOf(['client acme', 'client globex', '192.0.2.17', '(others)'], step + 3),
  }
}

function routeSample(index: number, step: number): RouteSample {
  const wave = 1 + Math.sin((step + index * 40) / 60)
  const allowed = Math.round((wave * 24) / (index + 1) + noise(step + index * 13) * 2)
  const refused = index % 3 === 1 ? Math.round(Math.max(0, wave - 1) * 9 * noise(step * 3 + index)) : 0
  return {
    allowed,
    refused,
    shadowRefused: index === 2 ? Math.round(noise(step) * 2) : 0,
    failed: noise(step * 7 + index) > 0.97 ? 1 : 0,
    decision: latency(allowed + refused, 0.05, step + index),
    upstream: latency(allowed, 60, step + index),
    inFlight: Math.round(allowed / 4),
    waiting: index === 1 ? Math.round(Math.max(0, wave - 1.6) * 6) : 0,
    ...(index === 0 && {
      model: {
        input: allowed * 310,
        output: allowed * 180,
        firstToken: latency(allowed, 320, step),
        perOutputToken: latency(allowed, 22, step + 5),
      },
    }),
    statuses: { '2xx': allowed, ...(noise(step * 11 + index) > 0.9 && { '5xx': 1 }) },
    refusals:
      refused === 0
        ? {}
        : {
            '60/minute': { exceeded: Math.ceil(refused / 2) },
            concurrent: { busy: Math.floor(refused / 2) },
          },
  }
}

function tokensOf(names: readonly string[], step: number) {
  return Object.fromEntries(
    names.map((name, index) => {
      const output = Math.round((900 / (index + 1)) * (1 + noise(step + index)))
      return [name, { input: output * 2, output }]
    }),
  )
}

function latency(count: number, typical: number, step: number): Latency {
  if (count === 0) return { count: 0, p50: 0, p99: 0, max: 0 }
  const p50 = typical * (1 + 0.2 * noise(step))
  return { count, p50, p99: p50 * (2 + noise(step * 5)), max: p50 * 5 }
}

/** Hashes a number to the range from 0 to 1. */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43_758.5453
  return value - Math.floor(value)
}

function rule(name: string, used: number, change: Partial<RuleStatus> = {}): RuleStatus {
  return {
    rule: name,
    resource: 'requests',
    limit: name,
    effective: name,
    enforced: true,
    shared: false,
    keyedBy: 'client address',
    fullness: [used, used * 0.7, used * 0.3].map((each, index) => ({
      key: `192.0.2.${index + 17}`,
      id: `id-${index}`,
      used: each,
      remaining: Math.floor((1 - each) * 60),
      retryAfter: each >= 1 ? 4200 : 0,
    })),
    allowed: Math.round(used * 5120),
    refused: used >= 1 ? 312 : 0,
    wouldHaveRefused: 0,
    ...change,
  }
}

function status(change: Partial<Status> = {}): Status {
  const now = Date.now()
  return {
    at: now,
    started: now - 11_520_000,
    version: '0.1.0',
    acts: 'off',
    store: { kind: 'memory', state: 'answers', keys: 1204, overflowed: 0 },
    upstreams: [],
    routes: [],
    clientsTracked: 214,
    ...change,
  }
}

function client(name: string): ClientState {
  return {
    client: name,
    tier: 'pro',
    others: [
      {
        routes: ['POST /v1/chat/completions', 'default'],
        rule: 'tokens of the day',
        resource: 'tokens',
        limit: '1M/day',
        enforced: true,
        keyedBy: 'everyone',
        used: 0.4,
        remaining: 600_000,
        resetAfter: 20_000_000,
        overridden: { limit: '2M/day', enforced: true },
      },
    ],
    unknown: [{ routes: ['POST /predict'], rule: 'by tenant', resource: 'requests' }],
    rules: [
      {
        route: 'POST /predict',
        rule: '10/minute',
        resource: 'requests',
        limit: '10/minute',
        enforced: true,
        id: 'id-0',
        remaining: 0,
        used: 1,
        resetAfter: 31_000,
        moreAfter: 31_000,
        retryAfterOfOne: 31_000,
        allowed: 10,
        refused: 3,
      },
    ],
  }
}

/** The data of a gateway that has just started. */
export function idle(): FakeAdminState {
  return {
    history: [],
    status: status(),
    topClients: { heaviest: [], refused: [], error: 'counts are exact for up to 1,000 clients' },
    minutes: [],
    refusals: [],
    client: () => undefined,
    tree: { nodes: [], matching: 0, shown: 0 },
    spend: spendReport([]),
    acts: { acts: [], kept: 'memory' },
    keys: { keys: [], kept: 'none' },
    configuration: 'listen: 127.0.0.1:8080\n',
    record: { recording: false },
  }
}

/** The data of a busy gateway, with rules in all states and routes that are warming up. */
export function busy(routes: readonly string[]): FakeAdminState {
  return {
    history: history(routes, 120, Date.now()),
    status: status({
      acts: 'token',
      store: {
        kind: 'redis',
        state: 'answers',
        policy: 'local',
        breaker: 'closed',
        keys: 214,
        overflowed: 0,
      },
      routes: routes.map((route, index) => ({
        route,
        ...(index % 5 === 0 && { warmUp: { scale: 0.2 + 0.16 * (index % 6), ready: index % 2 === 0 } }),
        rules: [
          rule('60/minute', [1, 0.86, 0.4, 0.1, 0][index % 5] ?? 0),
          ...(index % 2 === 0 ? [tokens(index)] : []),
        ],
      })),
    }),
    topClients: {
      heaviest: Array.from({ length: 20 }, (_, index) => ({
        client: index === 3 ? `client ${'a-long-name-'.repeat(8)}` : `192.0.2.${index}`,
        count: 9000 >> (index / 2),
        error: index > 4 ? 12 : 0,
      })),
      refused: Array.from({ length: 6 }, (_, index) => ({
        client: `client tenant-${index}`,
        count: 300 >> index,
        error: 0,
      })),
      error: 'each count is at most 12 too high',
    },
    minutes: minutes(routes),
    refusals: refusals(routes),
    client,
    tree: tree(),
    spend: spendReport(['acme', 'globex', '', '<b>not markup</b>', 'x'.repeat(200), 'other', 'forgotten']),
    keys: { kept: 'store', keys: KEYS, next: '1-1' },
    acts: {
      kept: 'redis',
      failure: 'no response within 2000 ms',
      acts: Array.from({ length: 14 }, (_, index) => ({
        id: String(index),
        act: 'block',
        change: `client ${'a-long-name-'.repeat(index)} is blocked`,
        by: 'ada',
        reason: 'abuse '.repeat(10 + index),
        at: Date.now() - 1000 * index,
        ...(index % 2 === 0 && {
          until: Date.now() + 3_600_000,
          problem: 'the configuration has no such rule',
        }),
      })),
    },
    configuration: 'listen: 127.0.0.1:8080\n',
    record: {
      recording: true,
      files: 10,
      bytes: 1_040_187_392,
      since: Date.now() - 90_000_000,
      yaml: routes.map((route) => `- match: ${route}\n  limits: [60/minute]\n`).join(''),
      rules: routes.map((route) => ({ route, rule: '60/minute', limit: '60/minute' })),
    },
  }
}

/** Returns organizations with teams and keys, with short and long names. */
/** Returns a report of what clients have spent in two currencies. */
function spendReport(clients: readonly string[]): SpendReport {
  const sums = (amount: string, index: number) => ({
    ...{
      amount,
      requests: 12_345 * (index + 1),
      inputTokens: 9_876_543,
      cachedTokens: 1_234,
      outputTokens: 7,
    },
  })
  const rows = clients.map((name, index) => ({
    ...{ name, currency: index === 2 ? 'EUR' : 'USD' },
    ...sums(index === 0 ? '1234567.123456789' : `0.00${index}`, index),
  }))
  return {
    ...{ by: 'client', from: '2026-11-01', to: '2026-11-30', rows, count: rows.length, kept: 'memory' },
    totals: rows.length === 0 ? [] : [{ currency: 'USD', ...sums('1234567.143456789', 9) }],
    labels: ['org', 'team'],
  }
}

function tree(): ClientTree {
  const limits = (rule: string, used: number): TreeLimit[] => [
    {
      ...{ rule, routes: ['POST /predict'], resource: 'tokens', limit: '2M/month', enforced: used < 1 },
      ...{ used, remaining: Math.round(2e6 * (1 - used)), resetAfter: 86_400_000 * used },
    },
    {
      ...{ rule: `${rule} requests`, routes: ['POST /predict'], resource: 'requests', limit: '60/minute' },
      ...{ enforced: true, used: used / 2, remaining: 30, resetAfter: 4200 },
    },
  ]
  const key = (name: string, used: number): TreeNode => ({
    ...{ kind: 'client', name, tier: 'basic', limits: limits('own', used), children: [] },
  })
  const team = (name: string): TreeNode => ({
    ...{ kind: 'team', name, limits: limits('team', 0.85) },
    children: [key('ada', 0.2), key('a-long-name-'.repeat(8), 1)],
  })
  const long = 'without-a-break'.repeat(12).replaceAll('-', '')
  return {
    nodes: [
      { kind: 'org', name: 'acme', limits: limits('org', 0.4), children: [team('red'), team(long)] },
      { kind: 'org', name: long, limits: [], children: [key('eve', 0)] },
      team('without organization'),
    ],
    matching: 120,
    shown: 50,
  }
}

/** Returns the minutes of the last 24 hours. */
function minutes(routes: readonly string[]): Sample[] {
  const last = Math.floor(Date.now() / 60_000) * 60_000 - 60_000
  return Array.from({ length: 1440 }, (_, index) => ({
    ...sample(routes.slice(0, 4), last - (1439 - index) * 60_000, index),
    seconds: 60,
  }))
}

function refusals(routes: readonly string[]): RecentRefusal[] {
  return Array.from({ length: 120 }, (_, index) => ({
    at: Date.now() - index * 800,
    route: routes[index % routes.length] as string,
    rule: index % 3 === 0 ? 'tokens' : '60/minute',
    reason: ['exceeded', 'oversized', 'busy'][index % 3] as string,
    client: index % 2 === 0 ? `client tenant-${index % 7}` : `client ${'a-long-name-'.repeat(9)}`,
    method: 'POST',
    path: index % 5 === 0 ? `/${'without-a-break'.repeat(12).replaceAll('-', '')}` : '/predict',
    id: `0198f3a2-7c1e-7e8b-b4d3-${String(index).padStart(12, '0')}`,
    retryAfter: index % 3 === 1 ? null : 4200,
  }))
}

function tokens(index: number): RuleStatus {
  return rule('tokens', 0.3, {
    resource: 'tokens',
    limit: '20k/minute',
    effective: '4k/minute',
    enforced: index !== 2,
    wouldHaveRefused: index === 2 ? 412 : 0,
    ...(index === 4 && { overridden: { limit: '10k/minute', enforced: true } }),
  })
}

const KEYS: readonly ListedKey[] = Array.from({ length: 14 }, (_, index) => ({
  id: (0x1f2e3d4c + index * 0x1234567).toString(16).padStart(8, '0').slice(-8),
  client: index === 3 ? `client-with-${'a-very-long-name-'.repeat(8)}` : `acme-${index}`,
  ...(index % 2 === 0 && { tier: 'premium' }),
  labels: { team: ['red', 'blue'][index % 2] as string, models: ['llama-*', 'small'] },
  created: 1_764_600_000_000 - index * 3_600_000,
  createdBy: 'ada@example.com',
  ...(index % 3 === 0 && { limits: { budget: '20 USD/day', calls: 2 } }),
  ...(index % 3 === 0 && { expires: index === 6 ? 1_600_000_000_000 : 4_102_444_800_000 }),
  ...(index % 4 !== 1 && { lastUsed: 1_764_684_000_000 }),
}))
