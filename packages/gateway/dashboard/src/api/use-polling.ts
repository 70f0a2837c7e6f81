import { useEffect, useState } from 'preact/hooks'

/** The answer as it was last; and why the last question had none. */
export interface Polled<Answer> {
  readonly answer?: Answer
  readonly failure?: Error
}

/**
 * Asks again and again while the page is seen. Another `question` begins anew.
 *
 * @param every milliseconds
 */
export function usePolling<Answer>(
  question: string,
  ask: (question: string) => Promise<Answer>,
  every: number,
): Polled<Answer> {
  const [latest, setLatest] = useState<Polled<Answer> & { question?: string }>({})
  useEffect(() => {
    let over = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const round = async () => {
      if (!document.hidden) {
        const next = await ask(question).then(
          (answer) => ({ answer }),
          (failure: Error) => ({ failure }),
        )
        // What was answered before stays in sight while nothing new comes.
        if (!over)
          setLatest((before) =>
            before.question === question && before.answer !== undefined
              ? { answer: before.answer, ...next, question }
              : { ...next, question },
          )
      }
      if (!over) timer = setTimeout(round, every)
    }
    void round()
    return () => {
      over = true
      clearTimeout(timer)
    }
  }, [question, every])
  return latest.question === question ? latest : {}
}
