import { useState } from 'preact/hooks'
import type { AdminApi } from '../api/admin-api.js'
import { Panel } from '../components/panel.js'
import '../components/yaml.css'

/** What the gateway runs with, read when somebody asks for it. */
export function Configuration({ api }: { readonly api: AdminApi }) {
  const [text, setText] = useState<string>()
  const [failure, setFailure] = useState<string>()
  const read = () =>
    api.configuration().then(
      (answer) => {
        setText(answer)
        setFailure(undefined)
      },
      (error: Error) => setFailure(error.message),
    )
  return (
    <Panel
      id="configuration"
      title="Running configuration"
      note="as it is now, secrets left out"
      tools={
        <button type="button" onClick={read}>
          {text === undefined ? 'Show the configuration' : 'Read it again'}
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
