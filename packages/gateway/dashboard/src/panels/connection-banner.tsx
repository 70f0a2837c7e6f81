import { useEffect, useState } from 'preact/hooks'
import type { Connection } from '../api/live-feed.js'

/** Warns that the data is outdated, and shows when the page reconnects. */
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
        {lost === undefined ? '' : `${lost.reason} The page reconnects automatically.`}
      </p>
      {lost !== undefined && (
        <div class="banner">
          <span>
            <strong>{lost.reason}</strong> The data below is out of date. <RetryCountdown at={lost.retryAt} />
          </span>
          <button type="button" onClick={onRetry}>
            Retry now
          </button>
        </div>
      )}
    </div>
  )
}

function RetryCountdown({ at }: { readonly at: number }) {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.ceil((at - now) / 1000)
  return <>{seconds > 0 ? `Retrying in ${seconds} s.` : 'Retrying…'}</>
}
