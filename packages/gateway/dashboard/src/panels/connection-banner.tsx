import { useEffect, useState } from 'preact/hooks'
import type { Connection } from '../api/live-feed.js'

/** Says that what is seen is old, and when the gateway is tried again. */
export function ConnectionBanner({
  connection,
  onRetry,
}: {
  readonly connection: Connection
  readonly onRetry: () => void
}) {
  const lost = connection.state === 'lost' ? connection : undefined
  return (
    <div class="banner-place">
      <p class="visually-hidden" role="status">
        {lost === undefined ? '' : `${lost.reason} The page tries again by itself.`}
      </p>
      {lost !== undefined && (
        <div class="banner">
          <span>
            <strong>{lost.reason}</strong> What you see is as it last was. <NextTry at={lost.again} />
          </span>
          <button type="button" onClick={onRetry}>
            Try now
          </button>
        </div>
      )}
    </div>
  )
}

function NextTry({ at }: { readonly at: number }) {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.ceil((at - now) / 1000)
  return <>{seconds > 0 ? `Next try in ${seconds} s.` : 'Trying…'}</>
}
