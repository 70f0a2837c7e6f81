import { Command } from 'commander'
import { exitProcess } from '../server/logging/exit-process.js'
import { VERSION } from '../version.js'
import { addActCommands } from './act-commands.js'
import { checkCommand } from './check-command.js'
import { addKeyCommands } from './key-commands.js'
import { type ReplayArguments, replayCommand } from './replay-command.js'
import { type ServeOptions, serveCommand } from './serve-command.js'
import { addSpendCommands } from './spend-commands.js'
import { newTokenCommand } from './token-command.js'

interface ConfigOption {
  readonly config?: string
}

const CONFIG_HELP = 'path to the configuration file (same as the argument)'

const program = new Command('sluice')
  .description('Admission control in front of any model server')
  .version(VERSION)

program
  .command('serve')
  .description('run the gateway')
  .argument('[file]', 'path to the configuration file (YAML)')
  .option('--config <file>', CONFIG_HELP)
  .option('--listen <address>', 'address for client traffic, such as 0.0.0.0:8080; overrides the file')
  .option(
    '--admin <address>',
    'address of the admin port, such as 127.0.0.1:8081, or "off"; overrides the file',
  )
  .option('--upstream <url>', 'URL to forward requests to; overrides the file')
  .action(async (file: string | undefined, { config, ...options }: ServeOptions & ConfigOption) => {
    await serveCommand(configFile('serve', file, config), options)
  })

program
  .command('check')
  .description('validate a configuration file; exits with 1 if it has errors')
  .argument('[file]', 'path to the configuration file (YAML)')
  .option('--config <file>', CONFIG_HELP)
  .option('--against <file>', 'the configuration file in use; lists the rules whose state would be lost')
  .action(
    async (file: string | undefined, { config, against }: ConfigOption & { readonly against?: string }) => {
      const output = { out: process.stdout, err: process.stderr }
      process.exitCode = await checkCommand(configFile('check', file, config), output, against)
    },
  )

program
  .command('replay')
  .description('replay recorded traffic against a configuration and report what it would have refused')
  .argument(
    '<trace>',
    'CSV, JSON lines, an access log or a gateway record, optionally gzipped; - reads standard input',
  )
  .requiredOption('--config <file>', 'path to the configuration file (YAML)')
  .option('--against <file>', 'a second configuration to compare with')
  .option(
    '--route <route>',
    'the route of all requests if the trace has no paths; otherwise the only route to replay',
  )
  .option('--format <format>', 'csv, jsonl or combined; detected from the first line by default')
  .option('--columns <mapping>', 'maps fields to columns, such as time=ts:ms,client=user,input_tokens=prompt')
  .option('--clients <number>', 'assign requests without a client to this many clients, in turn')
  .option('--duration <length>', 'how long requests run, such as 2s or "400ms + 25ms/output_token"')
  .option(
    '--server <file>',
    'send admitted requests to a model of your server: a YAML file, or a preset such as llama-3.1-8b-a100',
  )
  .option('--patience <length>', 'with --server: how long clients wait for the first token, such as 30s')
  .option('--reorder <length>', 'how far lines may be out of order, such as 10s')
  .option(
    '--unready <from-to...>',
    'period in which the models were not ready, relative to the first request, such as 0s-30s',
  )
  .option('--top <number>', 'number of clients to list (default: 100)')
  .option('--threads <number>', '1 or 2; 1 uses a single core and takes about 50 % longer (default: 2)')
  .option(
    '--suggest <objective>',
    'find a limit that meets an objective, such as "refuse at most 0.1% of requests of clients under 100/minute; admit at most 2M tokens/minute"',
  )
  .option('--rule <name>', 'with --suggest: the rule to tune, if there are several')
  .option('--html <file>', 'also write the report as a self-contained HTML page')
  .option('--json', 'print the report as JSON')
  .action(async (trace: string, args: ReplayArguments) => {
    const { stdin, stdout: out, stderr: err } = process
    await replayCommand(trace, args, { out, err, stdin, isInteractive: err.isTTY === true })
  })

program
  .command('token')
  .description('manage the token of the admin port')
  .command('new')
  .description('create a token, print it once and show its hash for the configuration')
  .action(() => newTokenCommand({ out: process.stdout, err: process.stderr }))

const output = { out: process.stdout, err: process.stderr }
addKeyCommands(program, output, process.env.SLUICE_TOKEN)
addActCommands(program, output, process.env.SLUICE_TOKEN)
addSpendCommands(program, output, process.env.SLUICE_TOKEN)

// Ignores EPIPE: a reader such as `head` may close the pipe, and the gateway must keep running.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

program.parseAsync().catch((error: unknown) => {
  console.error(`sluice: ${error instanceof Error ? error.message : String(error)}`)
  // A file that hangs must not keep the process alive.
  void exitProcess(1)
})

/**
 * Returns the configuration file passed as the argument or with `--config`.
 *
 * @throws Error if both or neither are present
 */
function configFile(command: string, argument: string | undefined, option: string | undefined): string {
  const file = argument ?? option
  if (file === undefined)
    throw new Error(
      `no configuration file given; use sluice ${command} gateway.yaml, or --config gateway.yaml`,
    )
  if (argument !== undefined && option !== undefined)
    throw new Error(`two configuration files given, ${argument} and ${option}; remove one of them`)
  return file
}
