// Writes the trace for docs/choosing-limits.md to standard output: half an hour of calls to a
// language model.
//
//     node examples/replay/generate.js | gzip -9n > examples/replay/trace.csv.gz
//
// The output is always the same. Forty people send requests from time to time, sometimes several in
// a row. Three programs send a batch of thirty every five minutes, and two scripts send requests
// continuously.

const DURATION_S = 30 * 60
const rows = []
let state = 42

function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}

/** Returns a random gap between two events of a Poisson process. */
function gap(mean) {
  return -Math.log(1 - random()) * mean
}

/** Adds a call with random token counts around the given ones. */
function addCall(at, client, tier, input, output) {
  if (at >= DURATION_S) return
  const tokens = [Math.ceil(input * (0.5 + random())), Math.ceil(gap(output))]
  const duration = Math.round(300 + 12 * tokens[1] + 100 * random())
  rows.push([at, client, tier, ...tokens, duration])
}

for (let person = 1; person <= 40; person++) {
  const tier = person % 8 === 0 ? 'premium' : 'free'
  for (let at = gap(120); at < DURATION_S; at += gap(90)) {
    const times = random() < 0.3 ? 2 + Math.floor(random() * 6) : 1
    for (let turn = 0; turn < times; turn++) addCall(at + turn * 3, `person-${person}`, tier, 400, 180)
  }
}
for (let program = 1; program <= 3; program++) {
  for (let at = 40 * program; at < DURATION_S; at += 300)
    for (let row = 0; row < 30; row++) addCall(at + row * 0.2, `batch-${program}`, 'premium', 900, 120)
}
for (let script = 1; script <= 2; script++) {
  for (let at = 300 * script; at < DURATION_S; at += gap(0.75))
    addCall(at, `script-${script}`, 'free', 250, 60)
}

rows.sort(([a], [b]) => a - b)
console.log('time,client,tier,input_tokens,output_tokens,duration_ms')
for (const [at, ...others] of rows) console.log([(1_730_000_000 + at).toFixed(3), ...others].join(','))
