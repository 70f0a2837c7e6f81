import { useState } from 'preact/hooks'
import type { RecordStatus } from '../../../../src/server/admin/api/replay-types.js'
import { Choice } from '../../components/choice.js'
import '../../components/form.css'
import { ObjectiveFields } from './objective-fields.js'
import type { Hours, ReplayQuery } from './replay-query.js'

const ASKS = { running: 'As it runs', other: 'Other limits', wish: 'A wish' }

const EXPLAINED: Readonly<Record<ReplayQuery['ask'], string>> = {
  running:
    'Who would have been refused by the limits of the file, had nobody used anything before; and who of them without need.',
  other: 'The same beside another configuration. Nothing changes on the gateway: try what you like.',
  wish: 'Searches the limit of a rule for the tightest that grants a wish. The record is read several times.',
}

/** What is to be replayed, how far back. */
export function ReplayForm({
  record,
  busy,
  onAsk,
}: {
  readonly record: RecordStatus & { readonly recording: true }
  readonly busy: boolean
  readonly onAsk: (question: ReplayQuery) => void
}) {
  const [hours, setHours] = useState<Hours>('1')
  const [ask, setAsk] = useState<ReplayQuery['ask']>('running')
  const [yaml, setYaml] = useState(record.yaml)
  const [wish, setWish] = useState('')
  const [rule, setRule] = useState(0)
  const question = (): ReplayQuery => {
    if (ask === 'other') return { ask, hours, yaml }
    return ask === 'wish' ? { ask, hours, wish, rule: record.rules[rule] } : { ask, hours }
  }
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        onAsk(question())
      }}
    >
      <div class="tools">
        <Choice<Hours>
          legend="How far back"
          name="replay-hours"
          options={{ '1': '1 hour', '6': '6 hours', '24': '24 hours', all: 'All' }}
          value={hours}
          onChoose={setHours}
        />
        <Choice<ReplayQuery['ask']>
          legend="What is replayed"
          name="replay-ask"
          options={ASKS}
          value={ask}
          onChoose={setAsk}
        />
      </div>
      <p class="quiet">{EXPLAINED[ask]}</p>
      {ask === 'other' && (
        <label>
          Configuration that is set beside the one that runs
          <textarea
            class="name"
            required
            rows={16}
            autocomplete="off"
            spellcheck={false}
            value={yaml}
            onInput={(event) => setYaml(event.currentTarget.value)}
          />
        </label>
      )}
      {ask === 'wish' && (
        <ObjectiveFields wish={wish} rules={record.rules} rule={rule} onWish={setWish} onRule={setRule} />
      )}
      <div>
        <button type="submit" class="main" disabled={busy}>
          Replay
        </button>
      </div>
    </form>
  )
}
