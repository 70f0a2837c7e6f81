import { useEffect, useRef, useState } from 'preact/hooks'
import { ClientActions } from '../actions/client-actions.js'
import type { ActionHandler } from '../actions/pending-action.js'
import { type AdminApi, AdminError } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Badge } from '../components/badge.js'
import { Empty, Panel } from '../components/panel.js'
import { SearchField } from '../components/search-field.js'
import { ClientRules, OtherRules } from './client-rules.js'

const POLL_INTERVAL_MS = 2000

/** Searches for a client and shows its usage under each limit. */
export function ClientSearch({
  api,
  search,
  onSearch,
  onRefusals,
  onAction,
  onDone,
}: {
  readonly api: AdminApi
  /** Empty if no client was searched for. */
  readonly search: string
  readonly onSearch: (text: string) => void
  /** Shows the refusals of a client. */
  readonly onRefusals: (client: string) => void
  /** Undefined if actions are off. */
  readonly onAction: ActionHandler | undefined
  /** Called with a description of a completed change. */
  readonly onDone: (done: string) => void
}) {
  const [text, setText] = useState(search)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    setText(search)
    if (search !== '') field.current?.focus({ preventScroll: true })
  }, [search])
  return (
    <Panel id="client" title="Client lookup" note="every rule that applies, and what the client has left">
      <search>
        <form
          class="tools"
          onSubmit={(event) => {
            event.preventDefault()
            if (text.trim() !== '') onSearch(text.trim())
          }}
        >
          <SearchField
            label="Client: IP address, id, or part of either"
            isLabelHidden
            placeholder="IP address or client id"
            inputRef={field}
            value={text}
            onInput={setText}
          />
          <button type="submit" class="main">
            Find
          </button>
        </form>
      </search>
      {search === '' ? (
        <Empty>
          Search for a client, or select one in a list, to see its usage under each limit and when its next
          request will be admitted. A lookup does not count against any limit.
        </Empty>
      ) : (
        <SearchResult key={search} text={search} {...{ api, onRefusals, onAction, onDone }} />
      )}
    </Panel>
  )
}

function SearchResult({
  api,
  text,
  onRefusals,
  onAction,
  onDone,
}: {
  readonly api: AdminApi
  readonly text: string
  readonly onRefusals: (client: string) => void
  readonly onAction: ActionHandler | undefined
  readonly onDone: (done: string) => void
}) {
  const { result, failure } = usePolling(text, (search) => api.client(search), POLL_INTERVAL_MS)
  const missing = failure instanceof AdminError && failure.status === 404
  return (
    <>
      <div class="profile">
        <p class="found" role="status">
          {missing && `No client matching “${text}” was seen recently.`}
          {failure !== undefined && !missing && failure.message}
          {failure === undefined && result?.client}
        </p>
        {result !== undefined && !missing && (
          <>
            <span title="The class of the client, which scales or replaces limits.">
              {result.tier === undefined ? (
                <span class="quiet">no tier</span>
              ) : (
                <Badge tone="plain">tier {result.tier}</Badge>
              )}
            </span>
            <ClientActions
              client={result.client}
              canAct={onAction !== undefined}
              {...{ api, onRefusals, onDone }}
            />
          </>
        )}
      </div>
      {result !== undefined && !missing && (
        <>
          {result.rules.length > 0 && <ClientRules state={result} onAction={onAction} />}
          <OtherRules state={result} />
        </>
      )}
    </>
  )
}
