import { useState } from 'preact/hooks'
import type { RecordStatus } from '../../../../src/server/admin/api/replay-types.js'
import { Choice } from '../../components/choice.js'
import '../../components/form.css'
import { ObjectiveFields } from './objective-fields.js'
import type { Hours, ReplayQuery } from './replay-query.js'

const MODES = { running: 'Running limits', other: 'New limits', objective: 'Suggest limit' }

const EXPLANATIONS: Readonly<Record<ReplayQuery['mode'], string>> = {
  running:
    'Shows which clients the limits of the configuration file refuse, and which refusals an exact limiter would have avoided. Usage starts at zero.',
  other: 'Compares a new configuration with the running one, which does not change.',
  objective: 'Finds the tightest limit of a rule that meets an objective. The record is read several times.',
}

/** The form that starts a replay. */
export function ReplayForm({
  record,
  busy,
  onReplay,
}: {
  readonly record: RecordStatus & { readonly recording: true }
  readonly busy: boolean
  readonly onReplay: (query: ReplayQuery) => void
}) {
  const [hours, setHours] = useState<Hours>('1')
  const [mode, setMode] = useState<ReplayQuery['mode']>('running')
  const [yaml, setYaml] = useState(record.yaml)
  const [objective, setObjective] = useState('')
  const [rule, setRule] = useState(0)
  const query = (): ReplayQuery => {
    if (mode === 'other') return { mode, hours, yaml }
    return mode === 'objective' ? { mode, hours, objective, rule: record.rules[rule] } : { mode, hours }
  }
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault()
        onReplay(query())
      }}
    >
      <div class="tools">
        <Choice<Hours>
          legend="Time range of the replay"
          name="replay-hours"
          options={{ '1': '1 hour', '6': '6 hours', '24': '24 hours', all: 'All' }}
          value={hours}
          onChoose={setHours}
        />
        <Choice<ReplayQuery['mode']>
          legend="Kind of replay"
          name="replay-mode"
          options={MODES}
          value={mode}
          onChoose={setMode}
        />
      </div>
      <p class="quiet">{EXPLANATIONS[mode]}</p>
      {mode === 'other' && (
        <label>
          New configuration
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
      {mode === 'objective' && (
        <ObjectiveFields
          objective={objective}
          rules={record.rules}
          rule={rule}
          onObjective={setObjective}
          onRule={setRule}
        />
      )}
      <div>
        <button type="submit" class="main" disabled={busy}>
          Replay
        </button>
      </div>
    </form>
  )
}
