import { useState } from 'preact/hooks'
import '../components/form.css'

/** Asks for the token where the gateway shows nothing without it. */
export function SignIn({
  reason,
  onToken,
}: {
  /** Why it is asked for, as the gateway says it. */
  readonly reason: string
  readonly onToken: (token: string) => void
}) {
  const [token, setToken] = useState('')
  return (
    <section class="panel sign-in" aria-labelledby="sign-in-title">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          onToken(token.trim())
        }}
      >
        <h2 id="sign-in-title">The admin token, please</h2>
        <p class="failure">{reason}</p>
        <p class="quiet">
          It is the token that <code>sluice token new</code> showed once. This page keeps it until it is
          closed, and nowhere else.
        </p>
        <label>
          Admin token
          <input
            type="password"
            required
            autocomplete="off"
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <div class="buttons">
          <button type="submit" class="main">
            Show the dashboard
          </button>
        </div>
      </form>
    </section>
  )
}
