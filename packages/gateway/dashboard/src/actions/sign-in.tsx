import { useState } from 'preact/hooks'
import '../components/form.css'

/** Asks for the admin token if the gateway requires it for reading. */
export function SignIn({
  reason,
  onToken,
}: {
  /** The message of the gateway's 401 response. */
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
        <h2 id="sign-in-title">Admin token required</h2>
        <p class="failure">{reason}</p>
        <p class="quiet">
          Enter the token that <code>sluice token new</code> printed. The page keeps the token in memory until
          you close or reload the page.
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
            Sign in
          </button>
        </div>
      </form>
    </section>
  )
}
