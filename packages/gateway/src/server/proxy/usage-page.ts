import { createHash } from 'node:crypto'
import { formatWait } from 'sluice'
import type { HttpAnswer } from 'sluice/http'
import type { ReportedPool, ReportedUsage, UsageReport } from '../../policy/usage/usage-report.js'

/** The colours and shapes of the dashboard. The page loads nothing, so its style is part of it. */
const STYLE = `
:root{color-scheme:light dark;--ground:light-dark(#f4f6f8,#0f1318);--panel:light-dark(#fff,#171c23);
--raised:light-dark(#f4f6f8,#1f252e);--line:light-dark(#dde2e8,#2a323c);--ink:light-dark(#1a222d,#e7ebf0);
--quiet:light-dark(#556070,#a0abb9);--allowed:light-dark(#2a6fc9,#6aa5f8);--refused:light-dark(#bf4a0b,#ff9457)}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",
Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;font-variant-numeric:tabular-nums;
-webkit-text-size-adjust:100%}
main{max-width:1100px;margin:0 auto;padding:16px}
h1{margin:0;font-size:17px;font-weight:650}
h2{margin:20px 0 8px;font-size:15px;font-weight:600}
p{margin:4px 0}
ul{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:12px;margin:12px 0;
padding:0;list-style:none}
li{min-width:0;padding:14px 16px;border:1px solid var(--line);border-radius:10px;background:var(--panel);
overflow-wrap:anywhere}
h3{margin:0;font-size:14px;font-weight:600}
svg{display:block;inline-size:100%;block-size:8px;margin:8px 0;border-radius:4px;background:var(--raised);
box-shadow:inset 0 0 0 1px var(--line)}
rect{fill:var(--allowed)}
.full rect{fill:var(--refused)}
.quiet{color:var(--quiet)}
.refused{color:var(--refused)}
.left{font-size:17px;font-weight:650}
code{font-family:ui-monospace,"SF Mono","Cascadia Mono","Liberation Mono",Menlo,Consolas,monospace;
font-size:.93em}
`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

/** The headers of the page. They forbid scripts, framing and requests to anywhere. */
export const USAGE_PAGE_HEADERS: HttpAnswer['headers'] = [
  ['content-type', 'text/html; charset=utf-8'],
  [
    'content-security-policy',
    `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  ],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
]

/** Returns the usage of a client as a page without scripts. */
export function usagePage(report: UsageReport): string {
  const { client, tier, at, rules, pools, unknown, degraded, truncated } = report
  const who = client === undefined ? 'Counted by address' : `Client <code>${escaped(client)}</code>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Your limits</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Your limits</h1>
<p class="quiet">${who}${tier === undefined ? '' : `, tier <code>${escaped(tier)}</code>`}, at <time datetime="${at}">${at}</time></p>
${degraded === undefined ? '' : '<p class="refused">The usage is temporarily unavailable, so these numbers are approximate.</p>'}
${truncated ? '<p class="refused">There are more rules than this page lists.</p>' : ''}
${rules.length === 0 ? '<p>No limit counts your requests separately.</p>' : section('Left for you', rules.map(usageItem))}
${section('Shared with other clients', pools.map(poolItem))}
${section(
  'Depends on the request',
  unknown.map((rule) => item(rule, '')),
)}
</main>
</body>
</html>
`
}

function section(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `<h2>${title}</h2>\n${list(items)}`
}

function list(items: readonly string[]): string {
  return `<ul>\n${items.join('\n')}\n</ul>`
}

function usageItem(usage: ReportedUsage): string {
  const { limit, capacity, used, reserved, left, reset, more, resource, currency } = usage
  const part = Math.min(100, Math.max(0, (Number(used) / Number(capacity)) * 100)).toFixed(1)
  const unit = currency ?? (resource === 'concurrent' ? 'slots' : resource.replaceAll('_', ' '))
  const isFull = currency === undefined ? Number(left) < 1 : Number(left) === 0
  const amount = (value: number | string) => (currency === undefined ? `${value}` : `${value} ${currency}`)
  const open = reserved === undefined || Number(reserved) === 0 ? '' : ` (${amount(reserved)} reserved)`
  const times = [
    ...(more === undefined ? [] : [`More in ${formatWait(more * 1000)}.`]),
    ...(reset === 0 ? [] : [`All in ${formatWait(reset * 1000)}.`]),
  ]
  return item(
    usage,
    `<p><span class="left">${left}</span> ${escaped(unit)} left</p>
<svg viewBox="0 0 100 8" preserveAspectRatio="none"${isFull ? ' class="full"' : ''} role="img" aria-label="${part} % used"><rect width="${part}" height="8"/></svg>
<p>${amount(used)} used${open}, limit ${escaped(limit)}</p>
<p class="quiet">${times.join(' ')}</p>`,
  )
}

function poolItem(pool: ReportedPool): string {
  const { refusing, 'retry-after': retryAfter } = pool
  const advice = retryAfter === undefined ? '' : ` Try again in ${formatWait(retryAfter * 1000)}.`
  return item(
    pool,
    refusing ? `<p class="refused">Refuses requests.${advice}</p>` : '<p>Admits requests.</p>',
  )
}

/** Maximum number of routes that the page lists for a rule. */
const MAX_ROUTES = 5

function item(rule: Pick<ReportedUsage, 'rule' | 'routes' | 'model'>, body: string): string {
  const { rule: name, routes, model } = rule
  const more = routes.length > MAX_ROUTES ? ` and ${routes.length - MAX_ROUTES} more` : ''
  const shown = routes.slice(0, MAX_ROUTES).map((route) => `<code>${escaped(route)}</code>`)
  return `<li>
<h3>${escaped(name)}${model === undefined ? '' : ` for <code>${escaped(model)}</code>`}</h3>
<p class="quiet">${shown.join(', ')}${more}</p>
${body}
</li>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
