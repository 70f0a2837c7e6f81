/** Expected output of the commands in the docs, and expected statuses of their curl calls. */

export interface Expectation {
  /** Matches the command. The first expectation that matches applies. */
  readonly command: RegExp
  readonly prints: RegExp
  /** The status of each curl call, or a single status for all calls. Default: 200. */
  readonly statuses?: readonly number[]
}

const TEN_THEN_REFUSED = [...Array<number>(10).fill(200), 429]

const EXPECTATIONS: readonly Expectation[] = [
  // The gateway
  {
    command: /seq 12.*uniq -c/s,
    prints: /^\s*10 200\n\s*2 429\n$/,
    statuses: [...TEN_THEN_REFUSED, 429],
  },
  {
    command: /seq 11.*curl -s -i.*tail -n 20/s,
    prints: /HTTP\/1\.1 429 Too Many Requests[\s\S]*retry-after: \d+[\s\S]*"reason":"exceeded"/i,
    statuses: TEN_THEN_REFUSED,
  },
  { command: /seq 11.*tail -n 1/s, prints: /"status":429.*"reason":"exceeded"/, statuses: TEN_THEN_REFUSED },
  { command: /curl -s \S+\/v1\/chat\/completions/, prints: /"usage":\{"prompt_tokens":\d+/ },

  // The admin port
  { command: /\/readyz\ncurl -s \S+\/api\/status/, prints: /\{"status":"ready"\}[\s\S]*"routes":\[/ },
  { command: /\/healthz\ncurl -f \S+\/readyz/, prints: /"status":[\s\S]*\{"status":"ready"\}/ },
  { command: /\/metrics\.json/, prints: /"total_requests":/ },
  { command: /\/api\/actions/, prints: /"error":"actions are off/, statuses: [403] },
  {
    command: /\/api\/status[\s\S]*\/api\/talkers[\s\S]*\/api\/client/,
    prints: /"routes":\[[\s\S]*"heaviest":\[[\s\S]*"client":"127\.0\.0\.1","rules":\[/,
  },
  { command: /\/api\/status[\s\S]*\/api\/talkers/, prints: /"routes":\[[\s\S]*"heaviest":\[/ },
  { command: /\/api\/refusals\?id=/, prints: /"refusals":\[\]/ },
  { command: /\/api\/client/, prints: /"client":"127\.0\.0\.1","rules":\[\{"route":"POST \/predict"/ },
  { command: /\/api\/talkers/, prints: /"heaviest":\[\{"client":/ },
  { command: /\^# HELP/, prints: /^# HELP sluice_requests_total /m },
  { command: /openmetrics-text/, prints: /^request_id="[\w-]+"$/m },
  { command: /grep 'sluice_unread_answers_total'/, prints: /^# TYPE sluice_unread_answers_total counter$/m },
  { command: /grep '\^sluice_store_up'/, prints: /^sluice_store_up 1$/m },
  { command: /grep '\^sluice_store'/, prints: /^sluice_store_failures_total\{kind="error"\} 0$/m },

  // The command line
  { command: /check \S+ --against/, prints: /every rule of examples\/gateway\.yaml keeps its state/ },
  { command: /check examples\/gateway\.yaml/, prints: /POST \/predict +10\/minute \(fixed-window\) by ip/ },
  { command: /check examples\/replay\/tomorrow/, prints: /8\/minute burst 32 \(token-bucket\) by client/ },
  { command: /key list/, prints: /^ID +CLIENT .*\n[0-9a-f]{8} +acme +premium +team=red /m },
  { command: /key new/, prints: /^sluice_[0-9A-Za-z]{49}$/m },
  {
    command: /--server/,
    prints: /server: llama-2-7b-a10g[\s\S]*throughput +1,291 [\s\S]*throughput +1,299 /,
  },
  { command: /--suggest/, prints: /8\/minute burst 32: refuses 3,086 of all 5,664 requests/ },
  { command: /--against/, prints: /today\.yaml +refuses 3,400 [\s\S]*tomorrow\.yaml +refuses 3,086 / },
  { command: /--columns/, prints: /^2 requests from .*[\s\S]*allowed 2 \(100\.0 %\)/ },
  { command: /sluice-gateway replay/, prints: /^5,664 requests [\s\S]*refused 3,400 \(60\.0 %\)/ },

  // The model server
  { command: /at=http/, prints: /"prediction"[\s\S]*"choices"[\s\S]*data: \[DONE\]/ },
]

/**
 * Returns the expectation for a command.
 *
 * @throws Error if there is none, so that every new command gets one
 */
export function expectationFor(command: string): Expectation {
  const expectation = EXPECTATIONS.find((one) => one.command.test(command))
  if (expectation === undefined)
    throw new Error(`no expectation in test/docs-expectations.ts for the command:\n${command}`)
  return expectation
}
