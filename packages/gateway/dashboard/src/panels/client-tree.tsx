import { useState } from 'preact/hooks'
import type { TreeLimit, TreeNode } from '../../../src/server/admin/api/client-tree.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Bar, usageColour } from '../components/bar.js'
import { count, wait } from '../components/format.js'
import { Empty, Panel } from '../components/panel.js'
import { routeName } from '../components/route-name.js'
import { amountLabel, resourceSuffix } from './labels.js'
import './client-tree.css'

const POLL_INTERVAL_MS = 5000

/** Shows the use of organizations, their teams and their keys. */
export function ClientTreePanel({
  api,
  onClient,
}: {
  readonly api: AdminApi
  readonly onClient: (client: string) => void
}) {
  const [text, setText] = useState('')
  const { result, failure } = usePolling(text.trim(), (search) => api.tree(search), POLL_INTERVAL_MS)
  const isPartial = result !== undefined && result.shown < result.matching
  return (
    <Panel
      id="tree"
      title="Organizations, teams and keys"
      note={
        isPartial ? `${count(result.shown)} of ${count(result.matching)} keys; search for others` : undefined
      }
    >
      <search class="tools">
        <label>
          <span class="visually-hidden">Organization, team or key</span>
          <input
            type="search"
            placeholder="acme, red or ada"
            autocomplete="off"
            spellcheck={false}
            maxLength={200}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
      </search>
      {failure !== undefined && <p class="failure">{failure.message}</p>}
      {result !== undefined && result.nodes.length === 0 && (
        <Empty>
          {text.trim() === ''
            ? 'No client with the label org or team sent a request recently.'
            : `No organization, team or key matching “${text.trim()}” sent a request recently.`}
        </Empty>
      )}
      {result !== undefined && result.nodes.length > 0 && <Nodes nodes={result.nodes} onClient={onClient} />}
    </Panel>
  )
}

function Nodes({
  nodes,
  onClient,
}: {
  readonly nodes: readonly TreeNode[]
  readonly onClient: (client: string) => void
}) {
  return (
    <ul class="tree">
      {nodes.map((node) => (
        <li key={`${node.kind} ${node.name}`}>
          {node.kind === 'client' ? (
            <>
              <p>
                <span class="quiet">key of </span>
                <button type="button" class="link name" onClick={() => onClient(`client ${node.name}`)}>
                  {node.name}
                </button>
                {node.tier !== undefined && <span class="quiet">, tier {node.tier}</span>}
              </p>
              <Limits limits={node.limits} />
            </>
          ) : (
            <details open>
              <summary>
                <span class="quiet">{node.kind === 'org' ? 'organization' : 'team'} </span>
                <span class="name">{node.name}</span>
              </summary>
              <Limits limits={node.limits} />
              <Nodes nodes={node.children} onClient={onClient} />
            </details>
          )}
        </li>
      ))}
    </ul>
  )
}

function Limits({ limits }: { readonly limits: readonly TreeLimit[] }) {
  if (limits.length === 0) return null
  return (
    <ul class="tree-limits">
      {limits.map(({ rule, routes, limit, resource, enforced, used, remaining, resetAfter }) => (
        <li
          key={JSON.stringify([routes, rule])}
          title={`Counts requests to ${routes.map(routeName).join(', ')}.`}
        >
          <span>
            <span class="name">{rule}</span>{' '}
            <span class="quiet">
              {limit}
              {resourceSuffix(resource)}
              {!enforced && ', shadow'}
            </span>
          </span>
          <Bar part={used} colour={usageColour(used)} />
          <span class="quiet">
            {amountLabel(resource, remaining, limit)} left
            {resetAfter > 0 && `, resets in ${wait(resetAfter)}`}
          </span>
        </li>
      ))}
    </ul>
  )
}
