import { describe, expect, it } from 'vitest'
import { SERVER_PRESETS } from '../../../src/replay/server/presets.js'
import { loadServer, parseServer } from '../../../src/replay/server/server-file.js'

const OWN = `
step: { fixed: 16.44ms, per_prefill_token: 47.8us, per_request: 18.2us }
kv_tokens: 467_280
max_seqs: 256
max_batched_tokens: 2048
`

function problemOf(text: string): string {
  try {
    parseServer(text, 'server.yaml')
  } catch (error) {
    return (error as Error).message
  }
  return 'no problem'
}

describe('the description of a server', () => {
  it('is a preset', async () => {
    const { name, figures } = await loadServer('qwen3-14b-h100')
    expect({ name, figures }).toEqual({ name: 'qwen3-14b-h100', figures: SERVER_PRESETS['qwen3-14b-h100'] })
  })

  it('consists of own figures', () => {
    const { figures, goodput } = parseServer(OWN, 'folder/server.yaml')
    expect(figures).toEqual(SERVER_PRESETS['llama-3.1-8b-a100'])
    expect(goodput).toEqual({ firstTokenMs: 2000, gapMs: 100 })
  })

  it('changes some figures of a preset', () => {
    const text = 'preset: llama-3.1-8b-a100\nstep: { fixed: 18ms }\nreplicas: 4\nadmits: peak\n'
    const { step, ...others } = SERVER_PRESETS['llama-3.1-8b-a100']
    expect(parseServer(text, 'server.yaml').figures).toEqual({
      ...{ ...others, replicas: 4, admits: 'peak' },
      step: { ...step, fixedMs: 18 },
    })
  })

  it.each([
    ['', /the file is empty; write at least 'preset: llama-3\.1-8b-a100'/],
    ['preset: gpt', /'preset' must be one of llama-3\.1-8b-a100, .*, not 'gpt'/],
    ['kv_tokens: 100', /:1:1: 'step' is missing; write 'step: \{ fixed: 16\.44ms/],
    [
      OWN.replace('kv_tokens: 467_280', ''),
      /'kv_tokens' is missing; write 'kv_tokens: 467_280', or name a preset/,
    ],
    [
      OWN.replace('16.44ms', '16.44'),
      /'fixed' must be a duration with a unit, such as 16\.44ms or 47\.8us, not 16\.44/,
    ],
    [OWN.replace('16.44ms', '16 minutes'), /'16 minutes' is not a duration of a step/],
    [OWN.replace('fixed: 16.44ms', 'fixed: 0'), /'fixed' must be more than 0, because every step takes time/],
    [OWN.replace('2048', '200'), /:4:\d+: 'max_seqs' must be at most 'max_batched_tokens', here 200/],
    [`${OWN}replica: 4`, /unknown key 'replica'; did you mean 'replicas'\?/],
  ])('reports what is wrong with %j', (text, message) => {
    expect(problemOf(text)).toMatch(message)
  })

  it('names the preset that was probably meant if there is no such file', async () => {
    await expect(loadServer('llama-3.1-8b-a10')).rejects.toThrow(
      "the file does not exist; did you mean 'llama-3.1-8b-a100'?",
    )
    await expect(loadServer('missing.yaml')).rejects.toThrow(/does not exist; the presets are llama-3\.1/)
  })
})
