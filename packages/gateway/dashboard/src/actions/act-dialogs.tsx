import { useState } from 'preact/hooks'
import type { ListedAct } from '../../../src/server/admin/api/admin-actions.js'
import type { AdminApi } from '../api/admin-api.js'
import { Choice } from '../components/choice.js'
import { ActionForm } from './action-form.js'
import { TextField } from './text-field.js'

interface DialogProps {
  readonly api: AdminApi
  readonly onDone: (done: string) => void
  readonly onClose: () => void
}

const CLIENT_PREFIX = 'client '

const KINDS = { client: 'Client', address: 'Address or network' }

/**
 * Blocks a client, an address or a network.
 *
 * @param label of the client to suggest: `client ID`, or an address
 */
export function BlockDialog({ label, ...props }: DialogProps & { readonly label?: string }) {
  const id = label?.startsWith(CLIENT_PREFIX) ? label.slice(CLIENT_PREFIX.length) : undefined
  const isAddress = label !== undefined && id === undefined
  const [kind, setKind] = useState<keyof typeof KINDS>(isAddress ? 'address' : 'client')
  const [target, setTarget] = useState(id ?? label ?? '')
  const [lasting, setLasting] = useState('')
  const change = () => {
    const name = target.trim()
    const whom = kind === 'client' ? { client: name } : { address: name }
    return { act: 'block', ...whom, ...endingOf(lasting) } as const
  }
  return (
    <ActionForm {...props} title="Block requests" button="Block" change={change}>
      <p>All requests are refused with 403 on every gateway, and take nothing from any limit.</p>
      <Choice legend="Block by" name="block-kind" options={KINDS} value={kind} onChoose={setKind} />
      <TextField
        label={kind === 'client' ? 'Client ID' : 'Address or network, such as 10.0.0.0/8'}
        value={target}
        onInput={setTarget}
      />
      <DurationField value={lasting} onInput={setLasting} />
    </ActionForm>
  )
}

/** Changes the limits of one client. */
export function OverrideDialog(props: DialogProps) {
  const [client, setClient] = useState('')
  const [rule, setRule] = useState('')
  const [limit, setLimit] = useState('')
  const [lasting, setLasting] = useState('')
  const change = () => {
    const common = { act: 'override', client: client.trim(), ...endingOf(lasting) } as const
    const name = rule.trim() === '' ? {} : { rule: rule.trim() }
    const scale = /^([\d.]+) *(x|×|times)$/i.exec(limit.trim())?.[1]
    return scale === undefined
      ? { ...common, ...name, limit: limit.trim() }
      : { ...common, ...name, scale: Number(scale) }
  }
  return (
    <ActionForm {...props} title="Change the limits of a client" button="Change limits" change={change}>
      <p>Usage so far still counts. Other clients keep their limits.</p>
      <TextField label="Client ID" value={client} onInput={setClient} />
      <TextField
        label="Limit: a multiplier such as 2x, or for one rule a limit such as 20/minute"
        value={limit}
        onInput={setLimit}
      />
      <TextField
        label="Rule (empty for every rule that counts by client)"
        value={rule}
        onInput={setRule}
        isOptional
      />
      <DurationField value={lasting} onInput={setLasting} />
    </ActionForm>
  )
}

/** Confirms that an act is undone. */
export function UndoDialog({ act, ...props }: DialogProps & { readonly act: ListedAct }) {
  return (
    <ActionForm
      {...props}
      title="Undo this act?"
      button="Undo act"
      change={() => ({ act: 'undo', id: act.id })}
    >
      <p class="name">{act.change}</p>
    </ActionForm>
  )
}

function DurationField(props: { readonly value: string; readonly onInput: (value: string) => void }) {
  return (
    <TextField
      {...props}
      label="For how long, such as 2h (empty: until you undo it)"
      isOptional
      maxLength={40}
    />
  )
}

function endingOf(lasting: string): { readonly for?: string } {
  return lasting.trim() === '' ? {} : { for: lasting.trim() }
}
