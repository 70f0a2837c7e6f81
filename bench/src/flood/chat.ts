/**
 * Sends a chat and reads its whole response.
 *
 * @returns milliseconds until the first text; undefined if the request was refused
 */
export async function chat(
  url: string,
  tenant: string,
  tokens: number,
): Promise<{ readonly firstTokenMs: number | undefined }> {
  const startedAt = performance.now()
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant': tenant },
    body: JSON.stringify({
      ...{ stream: true, max_tokens: tokens, ignore_eos: true },
      messages: [{ role: 'user', content: 'What is a token bucket?' }],
    }),
  })
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    return { firstTokenMs: undefined }
  }
  let firstTokenMs: number | undefined
  const decoder = new TextDecoder()
  for await (const chunk of response.body)
    if (firstTokenMs === undefined && /"content":"[^"]/.test(decoder.decode(chunk, { stream: true })))
      firstTokenMs = performance.now() - startedAt
  return { firstTokenMs }
}
