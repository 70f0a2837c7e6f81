import { loadConfig, replay, suggest } from 'sluice-gateway/replay'

const trace = 'examples/replay/trace.csv.gz'
const config = await loadConfig('examples/replay/today.yaml')
const lost = new Set<number>()
const report = await replay(trace, config, {
  onDecision({ number, recorded, outcome }) {
    if (outcome.kind === 'refused' && recorded.client === 'batch-1') lost.add(number)
  },
})
console.log(lost.size, report.requests.refused, report.longestLockout?.client)

const { granted } = await suggest(trace, config, 'refuse at most 5% of requests of client batch-1', { rule: 'requests' })
console.log(granted?.text)
