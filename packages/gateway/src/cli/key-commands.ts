import { type Command, InvalidArgumentError } from 'commander'
import type { Labels } from 'sluice'
import type { LabelChanges } from '../server/identity/keys/key-labels.js'
import type { KeyLimits } from '../server/identity/keys/key-limits.js'
import type { KeyQuery, ListedKey } from '../server/identity/keys/key-store.js'
import { exitCodeOf } from './admin-client.js'
import type { Output } from './check-command.js'
import { type KeyAccess, keysInFile, keysOfGateway } from './key-access.js'
import { keyLines, keyTable } from './key-table.js'

const DEFAULT_FILE = 'keys.yaml'
/** Number of keys in a page of the list. */
const PAGE_SIZE = 500

const HELP = `
Without --admin, the command uses the keys file. With --admin, it uses the keys of a running gateway;
the admin token is read from SLUICE_TOKEN, and changes need --reason.
Exit codes: 0 done, 1 refused, 2 the gateway or its store does not respond.`

interface PlaceOptions {
  readonly file?: string
  readonly admin?: string
  readonly reason?: string
  readonly json?: true
}

interface NewOptions extends PlaceOptions {
  readonly client: string
  readonly tier?: string
  readonly expires?: string
  readonly label?: Labels
  readonly limit?: KeyLimits
}

interface ListOptions extends PlaceOptions {
  readonly client?: string
  readonly label?: string
}

/**
 * Adds `sluice key`, which manages API keys in a file or on a running gateway.
 *
 * @param token the admin token; undefined if there is none in the environment
 */
export function addKeyCommands(program: Command, output: Output, token: string | undefined): void {
  const { out, err } = output
  const key = program.command('key').description('manage API keys of clients').addHelpText('after', HELP)
  const command = (usage: string, description: string) =>
    key
      .command(usage)
      .description(description)
      .option('--file <file>', `path to the keys file (default: ${DEFAULT_FILE})`)
      .option('--admin <url>', 'URL of the admin port of a gateway, such as http://127.0.0.1:8081')
      .option('--json', 'print JSON')
      .addHelpText('after', HELP)
  const change = (usage: string, description: string) =>
    command(usage, description).option('--reason <text>', 'why you act, for the audit log of the gateway')

  const accessOf = ({ file, admin, reason }: PlaceOptions): KeyAccess => {
    if (file !== undefined && admin !== undefined) throw new Error('write either --file or --admin, not both')
    return admin === undefined ? keysInFile(file ?? DEFAULT_FILE) : keysOfGateway({ admin, token }, reason)
  }
  const print = (options: PlaceOptions, value: object, text: string) =>
    void out.write(options.json ? `${JSON.stringify(value)}\n` : text)
  const printNew = (options: PlaceOptions, created: { key: string; listed: ListedKey }, note: string) => {
    err.write(`${note}\n`)
    print(options, created, `${created.key}\n`)
  }

  change('new', 'create a key and print it once; only its hash is kept')
    .requiredOption('--client <name>', 'the client the key belongs to')
    .option('--tier <tier>', 'the tier of the client')
    .option('--expires <moment>', 'expiry date or time: 2027-01-31 or 2027-01-31T12:00:00Z')
    .option('--label <name=value>', 'a label of the client, such as team=red; may be repeated', addLabel)
    .option(
      '--limit <rule=limit>',
      'a limit of the client, such as requests=100/minute; may be repeated',
      addLimit,
    )
    .action(
      reportingFailures(output, async ({ client, tier, expires, label, limit, ...options }: NewOptions) => {
        const keys = accessOf(options)
        const created = await keys.create({
          client,
          ...(tier !== undefined && { tier }),
          ...(expires !== undefined && { expires }),
          ...(label !== undefined && { labels: label }),
          ...(limit !== undefined && { limits: limit }),
        })
        const { id } = created.listed
        printNew(
          options,
          created,
          `This key is shown only once. Its hash was added to ${keys.place}. ID: ${id}`,
        )
      }),
    )
  command('list', 'list keys, the newest first')
    .option('--client <name>', 'the only client to list')
    .option('--label <name[=value]>', 'a label that listed keys must have, such as team or team=red')
    .action(
      reportingFailures(output, async ({ client, label, ...options }: ListOptions) => {
        const [, name, value] = /^([^=]+)(?:=(.*))?$/.exec(label ?? '') ?? []
        const query: KeyQuery = {
          client,
          limit: PAGE_SIZE,
          ...(name !== undefined && { label: { name, value } }),
        }
        await printList(accessOf(options), query, options.json === true, out)
      }),
    )
  command('show <id>', 'show one key, by its ID in the list').action(
    reportingFailures(output, async (id: string, options: PlaceOptions) => {
      const found = await accessOf(options).find(id)
      print(options, found, keyLines(found, Date.now()))
    }),
  )
  change('revoke <id>', 'remove a key; requests with it are refused').action(
    reportingFailures(output, async (id: string, options: PlaceOptions) => {
      const listed = await accessOf(options).revoke(id)
      print(options, listed, `key ${listed.id} of client ${listed.client} revoked\n`)
    }),
  )
  change('rotate <id>', 'create a key with the same properties; the old one expires after the grace period')
    .option('--grace <duration>', 'how long the old key stays valid', '24h')
    .action(
      reportingFailures(output, async (id: string, options: PlaceOptions & { readonly grace: string }) => {
        const created = await accessOf(options).rotate(id, options.grace)
        const note = `This key is shown only once. ID: ${created.listed.id}. The old key stays valid for ${options.grace}.`
        printNew(options, created, note)
      }),
    )
  change('label <id> <name=value...>', 'set labels of a key; an empty value removes a label').action(
    reportingFailures(output, async (id: string, labels: readonly string[], options: PlaceOptions) => {
      const listed = await accessOf(options).label(id, labelChanges(labels))
      print(options, listed, keyLines(listed, Date.now()))
    }),
  )
}

async function printList(
  keys: KeyAccess,
  query: KeyQuery,
  asJson: boolean,
  out: Output['out'],
): Promise<void> {
  let isFirst = true
  for (let after: string | undefined; isFirst || after !== undefined; isFirst = false) {
    const page = await keys.list({ ...query, after })
    if (asJson) for (const each of page.keys) out.write(`${JSON.stringify(each)}\n`)
    else out.write(keyTable(page.keys, isFirst, Date.now()))
    after = page.next
  }
}

/** Reports failures of a gateway with their exit code. Other failures are reported by the program. */
function reportingFailures<Args extends readonly unknown[]>(
  output: Output,
  run: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    process.exitCode = await exitCodeOf(output, () => run(...args))
  }
}

const NAMED_VALUE = /^([^=]+)=(.*)$/s

/** Adds a label to those that were given before. A name that is repeated has several values. */
function addLabel(written: string, labels: Labels = {}): Labels {
  const [, name, value] = NAMED_VALUE.exec(written) ?? []
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('write a name and a value, such as team=red')
  const before = Object.hasOwn(labels, name) ? labels[name] : undefined
  return { ...labels, [name]: before === undefined ? value : [before, value].flat() }
}

/** Adds a limit to those that were given before. A number is a multiplier. */
function addLimit(written: string, limits: KeyLimits = {}): KeyLimits {
  const [, rule, limit] = NAMED_VALUE.exec(written) ?? []
  if (rule === undefined || limit === undefined)
    throw new InvalidArgumentError('write a rule and a limit, such as requests=100/minute')
  return { ...limits, [rule]: /^\d+(\.\d+)?$/.test(limit) ? Number(limit) : limit }
}

/** Reads the labels to set, and those to remove, which have an empty value. */
function labelChanges(written: readonly string[]): LabelChanges {
  const labels = written.reduce<Labels>((all, each) => addLabel(each, all), {})
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, value === '' ? null : value]),
  )
}
