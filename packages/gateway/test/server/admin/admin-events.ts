import { onTestFinished } from 'vitest'

/** Opens a stream of server-sent events, which is closed after the test. */
export async function eventsOf(url: string, headers: Record<string, string> = {}) {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const response = await fetch(url, { headers, signal: stop.signal })
  return { response, next: nextEvent(response) }
}

function nextEvent(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  /** Returns the data of the next event with this name. */
  return async (name: string): Promise<unknown> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
        text = text.slice(end + 2)
        if (event === name) return JSON.parse(data as string)
        continue
      }
      const { done, value } = (await reader?.read()) ?? { done: true, value: '' }
      if (done) throw new Error('the stream ended before the event')
      text += value
    }
  }
}
