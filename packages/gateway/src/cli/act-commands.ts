import { type Command, InvalidArgumentError } from 'commander'
import type { ActionChange } from '../server/admin/api/admin-actions.js'
import { type ActClient, listActs, performAct } from './act-client.js'
import type { Output } from './check-command.js'

export const ADMIN_OPTION = '--admin <url>'
export const DEFAULT_ADMIN = 'http://127.0.0.1:8081'

export interface AdminOption {
  readonly admin: string
}

interface CommonOptions extends AdminOption {
  readonly reason: string
  readonly until?: string
  readonly for?: string
}

interface TargetOptions {
  readonly client?: string
  readonly address?: string
}

interface RuleOptions {
  readonly route?: string
  readonly rule?: string
}

type Options = CommonOptions &
  TargetOptions &
  RuleOptions & {
    readonly scale?: number
    readonly limit?: string
    readonly key?: string
    readonly off?: true
  }

export const EXIT_CODES = `
The token of the admin port is read from SLUICE_TOKEN.
Exit codes: 0 done, 1 refused by the gateway, 2 the gateway or its store does not respond.`

/**
 * Adds `sluice act`, which performs admin actions on a running gateway.
 *
 * @param token the admin token; undefined if there is none in the environment
 */
export function addActCommands(program: Command, output: Output, token: string | undefined): void {
  const act = program
    .command('act')
    .description('block a client, change its limits or list such acts, on a running gateway')
    .addHelpText('after', EXIT_CODES)

  const command = (usage: string, description: string) =>
    act
      .command(usage)
      .description(description)
      .option(ADMIN_OPTION, 'URL of the admin port', DEFAULT_ADMIN)
      .addHelpText('after', EXIT_CODES)
  const action = (usage: string, description: string) =>
    command(usage, description).requiredOption('--reason <text>', 'why you act, for the audit log')
  const ending = (changed: Command) =>
    changed
      .option('--until <moment>', 'when the act ends, such as 2026-12-24T18:00:00Z')
      .option('--for <duration>', 'how long the act lasts, such as 2h')
  const target = (changed: Command) =>
    changed
      .option('--client <id>', 'the ID of a client')
      .option('--address <address>', 'an address or a network, such as 10.0.0.0/8')
  const rule = (changed: Command) =>
    changed
      .requiredOption('--route <route>', 'the route, such as "POST /predict"')
      .requiredOption('--rule <name>', 'the name of the rule')
  const perform = (change: (options: Options, argument: string | undefined) => ActionChange) => {
    return async (...args: unknown[]) => {
      // Commander passes the arguments, the options and the command.
      const options = args.at(-2) as Options
      const argument = args.length > 2 ? (args[0] as string | undefined) : undefined
      const client: ActClient = { admin: options.admin, token, output }
      const sent = { ...change(options, argument), reason: options.reason }
      process.exitCode = await performAct(client, sent)
    }
  }
  const endingOf = ({ until, for: duration }: Options) => ({
    ...(until !== undefined && { until }),
    ...(duration !== undefined && { for: duration }),
  })
  // The gateway checks that the members fit together.
  const targetOf = ({ client, address }: Options) =>
    ({ ...(client !== undefined && { client }), ...(address !== undefined && { address }) }) as {
      readonly client: string
    }
  const ruleOf = ({ route = '', rule: name = '' }: Options) => ({ route, rule: name })

  ending(target(action('block', 'refuse all requests of a client, or from an address or network'))).action(
    perform((options) => ({ act: 'block', ...targetOf(options), ...endingOf(options) })),
  )
  target(action('unblock', 'end a block')).action(
    perform((options) => ({ act: 'unblock', ...targetOf(options) })),
  )
  ending(action('override', 'change the limits of one client'))
    .requiredOption('--client <id>', 'the ID of the client')
    .option('--scale <number>', 'multiplier of its limits, such as 2', numberOf)
    .option('--limit <limit>', 'a limit in place of the one of --rule, such as 20/minute')
    .option('--rule <name>', 'the rule; default: every rule that counts by client')
    .option('--route <route>', 'the route of the rule, if several have a rule of this name')
    .action(
      perform((options) => {
        const { client = '', scale, limit, rule: name, route } = options
        const change = { ...(scale !== undefined && { scale }), ...(limit !== undefined && { limit }) }
        const found = { ...(name !== undefined && { rule: name }), ...(route !== undefined && { route }) }
        return { act: 'override', client, ...found, ...endingOf(options), ...(change as { scale: number }) }
      }),
    )
  ending(rule(action('shadow', 'make a rule a shadow rule, which refuses nothing')))
    .option('--off', 'enforce the rule instead')
    .action(
      perform((options) => ({
        ...{ act: 'shadow', ...ruleOf(options), shadow: options.off !== true },
        ...endingOf(options),
      })),
    )
  ending(rule(action('limit', 'change the limit of a rule')))
    .requiredOption('--limit <limit>', 'the limit, such as 20/minute, or a number of concurrent requests')
    .action(
      perform((options) => ({
        ...{ act: 'limit', ...ruleOf(options), limit: options.limit ?? '' },
        ...endingOf(options),
      })),
    )
  action('reset', 'set the usage of a client or address to zero')
    .requiredOption('--key <key>', 'the ID of the client, or its address')
    .option('--route <route>', 'the only route to reset')
    .option('--rule <name>', 'the only rule to reset')
    .action(
      perform(({ key = '', route, rule: name }) => ({
        ...{ act: 'reset', key },
        ...(route !== undefined && { route }),
        ...(name !== undefined && { rule: name }),
      })),
    )
  action('undo <id>', 'undo an act, by its ID in the list').action(
    perform((_, id = '') => ({ act: 'undo', id })),
  )
  command('list', 'list the acts in effect')
    .option('--json', 'print the list as JSON')
    .action(async ({ admin, json }: AdminOption & { readonly json?: true }) => {
      process.exitCode = await listActs({ admin, token, output }, json === true)
    })
}

function numberOf(text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number)) return number
  throw new InvalidArgumentError('write a number such as 2')
}
