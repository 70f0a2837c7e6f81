/**
 * Says that this process is ready, and answers every question that it is asked.
 *
 * @param {(question: any) => unknown} answer
 * @param {(word: string) => void} [hear] what it does at a word, which has no answer
 */
export function answerWith(answer, hear) {
  process.on('message', async (said) => {
    if (typeof said === 'string') {
      hear?.(said)
      return
    }
    try {
      process.send?.({ answer: await answer(said) })
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) })
    }
  })
  process.on('disconnect', () => process.exit())
  process.send?.({ ready: true })
}

/** What this process was started with. */
export const options = JSON.parse(process.argv[2] ?? '{}')
