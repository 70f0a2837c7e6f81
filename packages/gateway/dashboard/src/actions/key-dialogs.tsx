import { useRef, useState } from 'preact/hooks'
import type { KeyChange, ListedKey } from '../../../src/server/admin/api/admin-keys.js'
import type { AdminApi } from '../api/admin-api.js'
import { Dialog } from '../components/dialog.js'
import { ConfirmForm } from './confirm-form.js'
import { TextField } from './text-field.js'

interface DialogProps {
  readonly api: AdminApi
  readonly onChange: (change: KeyChange) => void
  readonly onClose: () => void
}

/** Creates a key. */
export function CreateKeyDialog({ onChange, ...props }: DialogProps) {
  const [client, setClient] = useState('')
  const [tier, setTier] = useState('')
  const [labels, setLabels] = useState('')
  const [limits, setLimits] = useState('')
  const [expires, setExpires] = useState('')
  const perform = async (reason: string) => {
    const key = {
      client: client.trim(),
      ...(tier.trim() !== '' && { tier: tier.trim() }),
      ...(labels.trim() !== '' && { labels: labelsOf(labels) }),
      ...(limits.trim() !== '' && { limits: limitsOf(limits) }),
      ...(expires.trim() !== '' && { expires: expires.trim() }),
    }
    onChange(await props.api.createKey(key, reason))
  }
  return (
    <ConfirmForm {...props} title="Create a key" button="Create key" perform={perform}>
      <p>The key is shown once. The gateway keeps only its hash.</p>
      <TextField label="Client ID" value={client} onInput={setClient} maxLength={256} />
      <TextField label="Tier (optional)" value={tier} onInput={setTier} maxLength={256} isOptional />
      <TextField
        label="Labels, such as team=red, org=acme (optional)"
        value={labels}
        onInput={setLabels}
        isOptional
      />
      <TextField
        label="Limits by rule, such as budget=20 USD/day, calls=2x (optional)"
        value={limits}
        onInput={setLimits}
        isOptional
      />
      <TextField
        label="Expires, such as 2027-01-31 (empty: never)"
        value={expires}
        onInput={setExpires}
        maxLength={40}
        isOptional
      />
    </ConfirmForm>
  )
}

/** Confirms that a key is rotated. */
export function RotateKeyDialog({
  listed,
  onChange,
  ...props
}: DialogProps & { readonly listed: ListedKey }) {
  const [grace, setGrace] = useState('24h')
  const perform = async (reason: string) =>
    onChange(await props.api.rotateKey(listed.id, grace.trim(), reason))
  return (
    <ConfirmForm {...props} title="Rotate this key?" button="Rotate key" perform={perform}>
      <KeyName listed={listed} />
      <p>A new key with the same properties is created. The old one stays valid for a while.</p>
      <TextField
        label="How long the old key stays valid, such as 24h"
        value={grace}
        onInput={setGrace}
        maxLength={40}
      />
    </ConfirmForm>
  )
}

/** Confirms that a key is revoked. */
export function RevokeKeyDialog({
  listed,
  onChange,
  ...props
}: DialogProps & { readonly listed: ListedKey }) {
  const perform = async (reason: string) => onChange(await props.api.revokeKey(listed.id, reason))
  return (
    <ConfirmForm {...props} title="Revoke this key?" button="Revoke key" perform={perform}>
      <KeyName listed={listed} />
      <p>Requests with the key are refused with 401 within seconds. This cannot be undone.</p>
    </ConfirmForm>
  )
}

function KeyName({ listed: { id, client } }: { readonly listed: ListedKey }) {
  return (
    <p class="name">
      {id} of client {client}
    </p>
  )
}

/** Shows a new key, which cannot be shown again. */
export function NewKeyDialog({ secret, onClose }: { readonly secret: string; readonly onClose: () => void }) {
  const input = useRef<HTMLInputElement>(null)
  const [note, setNote] = useState('')
  const copy = async () => {
    input.current?.select()
    try {
      // Undefined on pages that are served without TLS from another host.
      await navigator.clipboard.writeText(secret)
      setNote('Copied.')
    } catch {
      setNote('The browser does not allow copying. The key is selected: copy it yourself.')
    }
  }
  return (
    <Dialog title="The new key" onSubmit={onClose} onClose={onClose}>
      <p>Copy the key now. It is not shown again.</p>
      <label>
        New key
        <input ref={input} readOnly value={secret} spellcheck={false} autocomplete="off" />
      </label>
      <p role="status">{note}</p>
      <div class="buttons">
        <button type="button" onClick={() => void copy()}>
          Copy
        </button>
        <button type="submit" class="main">
          Done
        </button>
      </div>
    </Dialog>
  )
}

/**
 * Reads labels such as `team=red, org=acme`. A name that is repeated has several values.
 *
 * @throws Error for a label without a value
 */
function labelsOf(text: string): Record<string, string | string[]> {
  const labels: Record<string, string | string[]> = {}
  for (const written of text.split(',')) {
    const [name, value] = namedValue(written, 'Write each label as a name and a value, such as team=red.')
    const before = Object.hasOwn(labels, name) ? [labels[name] ?? []].flat() : []
    labels[name] = before.length === 0 ? value : [...before, value]
  }
  return labels
}

/**
 * Reads limits by the name of the rule, such as `budget=20 USD/day, calls=2x`.
 *
 * @throws Error for a rule without a limit
 */
function limitsOf(text: string): Record<string, string | number> {
  const limits = text.split(',').map((written) => {
    const [rule, limit] = namedValue(written, 'Write each limit with its rule, such as budget=20 USD/day.')
    const multiplier = /^(\d+(?:\.\d+)?) ?[x×]$/.exec(limit)?.[1]
    return [rule, multiplier === undefined ? limit : Number(multiplier)] as const
  })
  return Object.fromEntries(limits)
}

/** @throws Error with the message if the text is not a name and a value */
function namedValue(text: string, message: string): readonly [name: string, value: string] {
  const [, name, value] = /^\s*([^=]+?)\s*=\s*(.+?)\s*$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new Error(message)
  return [name, value]
}
