/** The projects to check, with their source folders. */
export const SOURCE_ROOTS = [
  { project: 'packages/sluice', root: 'packages/sluice/src' },
  { project: 'packages/gateway', root: 'packages/gateway/src' },
  { project: 'packages/gateway/dashboard', root: 'packages/gateway/dashboard/src' },
] as const

/**
 * The layers of each package, from the lowest to the highest. An entry is a file or a folder. A
 * folder includes everything in it, except the files and folders that have their own entry. An
 * entry may import from itself and from lower layers, but not from other entries of its layer.
 */
export const LAYERS = {
  'packages/sluice/src': [
    ['bounded-cache.ts', 'did-you-mean.ts', 'maybe-promise.ts'],
    ['option-error.ts'],
    ['time'],
    ['limits'],
    ['algorithms'],
    ['overload'],
    ['rules', 'stores'],
    ['waiting'],
    ['limiter'],
    ['identity', 'telemetry'],
    ['http'],
    ['adapters'],
    ['index.ts', 'internal.ts'],
  ],
  'packages/gateway/src': [
    ['version.ts'],
    ['policy/headers', 'policy/body', 'policy/routing', 'policy/acts', 'policy/terminal-text.ts'],
    ['policy/llm'],
    ['policy/policy-request.ts', 'policy/answer-template.ts'],
    ['policy/model-access.ts'],
    ['policy/client-label.ts', 'policy/config'],
    ['policy'],
    ['replay/columns', 'replay/record'],
    ['replay/trace', 'replay/server'],
    ['replay/engine'],
    ['replay/stats'],
    ['replay/report'],
    ['replay'],
    ['replay/suggest'],
    ['replay/html', 'replay/index.ts'],
    ['server/logging'],
    ['server/http', 'server/store', 'server/acts', 'server/spend', 'server/fleet', 'server/close-parts.ts'],
    ['server/identity'],
    ['server/observability'],
    ['server/upstreams'],
    ['server/proxy', 'server/webhooks'],
    ['server/runtime.ts'],
    ['server/workers', 'server/admin'],
    ['server/gateway.ts'],
    ['cli', 'index.ts'],
  ],
  'packages/gateway/dashboard/src': [
    ['components', 'timeseries'],
    ['api'],
    ['actions', 'report'],
    ['panels'],
    ['place.ts'],
    ['tabs.tsx', 'header.tsx'],
    ['live-tabs.tsx'],
    ['app.tsx'],
    ['main.tsx'],
  ],
} as const satisfies Record<string, readonly (readonly string[])[]>
