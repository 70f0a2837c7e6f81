import { useState } from 'preact/hooks'
import type { AdminApi } from '../api/admin-api.js'
import { Panel } from '../components/panel.js'
import '../components/yaml.css'

/** The running configuration, loaded on demand. */
export function Configuration({ api }: { readonly api: AdminApi }) {
  const [text, setText] = useState<string>()
  const [failure, setFailure] = useState<string>()
  const load = () =>
    api.configuration().then(
      (configuration) => {
        setText(configuration)
        setFailure(undefined)
      },
      (error: Error) => setFailure(error.message),
    )
  return (
    <Panel
      id="configuration"
      title="Running configuration"
      note="without secrets"
      tools={
        <button type="button" onClick={load}>
          {text === undefined ? 'Show configuration' : 'Refresh'}
        </button>
      }
    >
      {failure !== undefined && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
      {text !== undefined && <pre class="yaml">{text}</pre>}
    </Panel>
  )
}
