import { useEffect, useState } from 'preact/hooks'

/** The last successful result, and the error if the last request failed. */
export interface Polled<Result> {
  readonly result?: Result
  readonly failure?: Error
}

/**
 * Repeats a request while the page is visible, and starts over when `query` changes.
 *
 * @param intervalMs milliseconds between requests
 */
export function usePolling<Result>(
  query: string,
  request: (query: string) => Promise<Result>,
  intervalMs: number,
): Polled<Result> {
  const [latest, setLatest] = useState<Polled<Result> & { query?: string }>({})
  useEffect(() => {
    let isStopped = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const poll = async () => {
      if (!document.hidden) {
        const next = await request(query).then(
          (result) => ({ result }),
          (failure: Error) => ({ failure }),
        )
        // The last result is kept while requests fail.
        if (!isStopped)
          setLatest((before) =>
            before.query === query && before.result !== undefined
              ? { result: before.result, ...next, query }
              : { ...next, query },
          )
      }
      if (!isStopped) timer = setTimeout(poll, intervalMs)
    }
    void poll()
    return () => {
      isStopped = true
      clearTimeout(timer)
    }
  }, [query, intervalMs])
  return latest.query === query ? latest : {}
}
