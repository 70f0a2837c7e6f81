import type { Command } from 'commander'
import { performAct } from './act-client.js'
import { ADMIN_OPTION, type AdminOption, DEFAULT_ADMIN, EXIT_CODES } from './act-commands.js'
import type { Output } from './check-command.js'
import { printSpend, type SpendOptions } from './spend-command.js'

/**
 * Adds `sluice spend` and `sluice forget`, which read and change what a running gateway keeps about
 * clients.
 *
 * @param token the admin token; undefined if there is none in the environment
 */
export function addSpendCommands(program: Command, output: Output, token: string | undefined): void {
  program
    .command('spend')
    .description('print what clients have spent, from the ledger of a running gateway')
    .option('--by <group>', 'client, model, route, day or a label of clients, such as team (default: client)')
    .option('--month <month>', 'the month in UTC, such as 2026-11 (default: the current one)')
    .option('--from <day>', 'the first day in UTC, such as 2026-11-01; with --to')
    .option('--to <day>', 'the last day in UTC')
    .option('--csv', 'print CSV')
    .option('--json', 'print JSON')
    .option(ADMIN_OPTION, 'URL of the admin port', DEFAULT_ADMIN)
    .addHelpText('after', EXIT_CODES)
    .action(async ({ admin, ...options }: SpendOptions & AdminOption) => {
      process.exitCode = await printSpend({ admin, token, output }, options)
    })

  program
    .command('forget <client>')
    .description(
      'erase a client: move its spend to the name "forgotten", and remove what else is kept about it',
    )
    .requiredOption('--reason <text>', 'why you erase it, for the audit log')
    .option(ADMIN_OPTION, 'URL of the admin port', DEFAULT_ADMIN)
    .addHelpText('after', EXIT_CODES)
    .action(async (client: string, { admin, reason }: AdminOption & { readonly reason: string }) => {
      process.exitCode = await performAct({ admin, token, output }, { act: 'forget', client, reason })
    })
}
