import { useState } from 'preact/hooks'
import type { KeyChange, ListedKey } from '../../../src/server/admin/api/admin-keys.js'
import type { AdminApi } from '../api/admin-api.js'
import { usePolling } from '../api/use-polling.js'
import { Empty, Panel } from '../components/panel.js'
import { type Column, Table } from '../components/table.js'
import { CreateKeyDialog, NewKeyDialog, RevokeKeyDialog, RotateKeyDialog } from './key-dialogs.js'
import { TextField } from './text-field.js'
import './keys-panel.css'

const POLL_INTERVAL_MS = 5000
const PAGE_SIZE = 50

type OpenDialog =
  | { readonly kind: 'create' }
  | { readonly kind: 'rotate' | 'revoke'; readonly listed: ListedKey }
  | { readonly kind: 'new'; readonly secret: string }

/** Lists the API keys of clients, and creates, rotates and revokes them. */
export function KeysPanel({
  api,
  search,
  canAct,
  onSearch,
  onDone,
}: {
  readonly api: AdminApi
  readonly search: string
  /** True if a token allows changes. */
  readonly canAct: boolean
  readonly onSearch: (search: string) => void
  /** Called with a description of a completed change. */
  readonly onDone: (done: string) => void
}) {
  const [open, setOpen] = useState<OpenDialog>()
  const [changes, setChanges] = useState(0)
  const [page, setPage] = useState<{ readonly search: string; readonly after: string }>()
  const after = page?.search === search ? page.after : ''
  const parameters = Object.entries({ q: search, after, limit: String(PAGE_SIZE) })
  const query = new URLSearchParams(parameters.filter(([, value]) => value !== '')).toString()
  const { result, failure } = usePolling(`${changes} ${query}`, () => api.keys(query), POLL_INTERVAL_MS)
  const onClose = () => setOpen(undefined)
  const dialog = {
    api,
    onClose,
    onChange: ({ done, key }: KeyChange) => {
      setOpen(key === undefined ? undefined : { kind: 'new', secret: key })
      setChanges(changes + 1)
      onDone(done)
    },
  }
  if (result?.kept === 'none')
    return (
      <Panel id="keys" title="API keys">
        <Empty>
          This gateway keeps no keys. Set <code>identity.api_keys</code> to a file, or to <code>store</code>.
        </Empty>
      </Panel>
    )
  return (
    <Panel id="keys" title="API keys" note="the newest first">
      <div class="keys-tools">
        <TextField
          label="Find by ID, client, tier or label"
          value={search}
          onInput={onSearch}
          maxLength={256}
          isOptional
        />
        {canAct && (
          <button type="button" onClick={() => setOpen({ kind: 'create' })}>
            Create a key
          </button>
        )}
      </div>
      {failure !== undefined && <p class="failure">{failure.message}</p>}
      {result !== undefined && result.keys.length === 0 && (
        <Empty>{search === '' && after === '' ? 'There are no keys yet.' : 'No key matches here.'}</Empty>
      )}
      {result !== undefined && result.keys.length > 0 && (
        <Table<ListedKey>
          caption="API keys"
          rows={result.keys}
          keyOf={({ id }) => id}
          first={PAGE_SIZE}
          columns={[...COLUMNS, ...(canAct ? [actionColumn(setOpen)] : [])]}
        />
      )}
      <div class="actions">
        {after !== '' && (
          <button type="button" onClick={() => setPage(undefined)}>
            Newest keys
          </button>
        )}
        {result?.next !== undefined && (
          <button type="button" onClick={() => setPage({ search, after: result.next as string })}>
            Older keys
          </button>
        )}
      </div>
      {open?.kind === 'create' && <CreateKeyDialog {...dialog} />}
      {open?.kind === 'rotate' && <RotateKeyDialog {...dialog} listed={open.listed} />}
      {open?.kind === 'revoke' && <RevokeKeyDialog {...dialog} listed={open.listed} />}
      {open?.kind === 'new' && <NewKeyDialog secret={open.secret} onClose={onClose} />}
    </Panel>
  )
}

const COLUMNS: readonly Column<ListedKey>[] = [
  {
    title: 'Client',
    help: 'The client of the key, and the ID of the key.',
    cell: ({ id, client }) => (
      <>
        <span class="name">{client}</span>
        <span class="of quiet">{id}</span>
      </>
    ),
  },
  {
    title: 'Tier, labels and limits',
    help: 'The tier and the labels of the client, and its limits in place of those of rules.',
    wideOnly: true,
    cell: ({ tier, labels = {}, limits = {} }) => (
      <>
        <span class="name">{tier ?? ''}</span>
        <span class="of quiet">
          {Object.entries(labels)
            .map(([name, value]) => `${name}=${[value].flat().join(',')}`)
            .join(' ')}
        </span>
        <span class="of quiet">
          {Object.entries(limits)
            .map(([rule, limit]) => `${rule}: ${typeof limit === 'number' ? `${limit}×` : limit}`)
            .join('; ')}
        </span>
      </>
    ),
  },
  {
    title: 'Created',
    help: 'When the key was created, and by which operator.',
    wideOnly: true,
    cell: ({ created, createdBy }) => (
      <>
        <span class="name">{moment(created, 'by hand')}</span>
        <span class="of quiet">{createdBy ?? ''}</span>
      </>
    ),
  },
  {
    title: 'Expires',
    help: 'When the key expires.',
    cell: ({ expires }) =>
      expires !== undefined && expires <= Date.now() ? (
        <>
          <span class="name">expired</span>
          <span class="of quiet">{moment(expires, '')}</span>
        </>
      ) : (
        moment(expires, 'never')
      ),
  },
  {
    title: 'Last used',
    help: 'The minute of the last request with the key.',
    wideOnly: true,
    cell: ({ lastUsed }) => moment(lastUsed, 'not yet'),
  },
]

function actionColumn(onOpen: (open: OpenDialog) => void): Column<ListedKey> {
  return {
    title: 'Action',
    help: 'Rotate replaces the key; revoke ends it now.',
    kind: 'number',
    cell: (listed) => (
      <span class="key-actions">
        {(['rotate', 'revoke'] as const).map((kind) => (
          <button
            key={kind}
            type="button"
            aria-label={`${TITLES[kind]} key ${listed.id} of ${listed.client}`}
            onClick={() => onOpen({ kind, listed })}
          >
            {TITLES[kind]}
          </button>
        ))}
      </span>
    ),
  }
}

const TITLES = { rotate: 'Rotate', revoke: 'Revoke' }

function moment(at: number | undefined, none: string): string {
  return at === undefined
    ? none
    : new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}
