import { Command } from 'commander'
import { VERSION } from '../version.js'
import { checkCommand } from './check-command.js'
import { configFile } from './config-argument.js'
import { type KeyOptions, newKeyCommand } from './key-command.js'
import { type ReplayArguments, replayCommand } from './replay-command.js'
import { type ServeOptions, serveCommand } from './serve-command.js'
import { newTokenCommand } from './token-command.js'

interface Config {
  readonly config?: string
}

const program = new Command('sluice')
  .description('Admission control in front of any model server')
  .version(VERSION)

program
  .command('serve')
  .description('run the gateway that a configuration file describes')
  .argument('[file]', 'the configuration file (YAML)')
  .option('--config <file>', 'the configuration file, said as replay takes it')
  .option('--listen <address>', 'where clients come in, such as 0.0.0.0:8080, in place of the file’s')
  .option(
    '--admin <address>',
    'the admin port, such as 127.0.0.1:8081, or off for none, in place of the file’s',
  )
  .option('--upstream <url>', 'where requests are forwarded to, in place of the file’s')
  .action(async (file: string | undefined, { config, ...options }: ServeOptions & Config) => {
    await serveCommand(configFile('serve', file, config), options)
  })

program
  .command('check')
  .description('say what is wrong with a configuration file; exit 1 where something is')
  .argument('[file]', 'the configuration file (YAML)')
  .option('--config <file>', 'the configuration file, said as replay takes it')
  .option('--against <file>', 'the configuration in use now: lists the rules whose state the change abandons')
  .action(async (file: string | undefined, { config, against }: Config & { readonly against?: string }) => {
    const output = { out: process.stdout, err: process.stderr }
    process.exitCode = await checkCommand(configFile('check', file, config), output, against)
  })

program
  .command('replay')
  .description('play recorded traffic through the limits of a configuration: what would it have refused?')
  .argument(
    '<trace>',
    'CSV, JSON lines, an access log, or what a gateway recorded; gzip too; - for the standard input',
  )
  .requiredOption('--config <file>', 'the configuration file (YAML)')
  .option('--against <file>', 'another configuration, to set beside it')
  .option(
    '--route <route>',
    'the route that the requests take, where the trace has no paths; else the one to play',
  )
  .option('--format <format>', 'csv, jsonl or combined, in place of what the first line looks like')
  .option('--columns <mapping>', 'which column says what, such as time=ts:ms,client=user,input_tokens=prompt')
  .option('--clients <number>', 'deal requests without a client to so many clients, in turn')
  .option('--duration <length>', 'how long requests run, such as 2s or "400ms + 25ms/output_token"')
  .option('--reorder <length>', 'by how much lines may be out of order, such as 10s')
  .option('--unready <from-to...>', 'when the models were not ready, since the first request: 0s-30s')
  .option('--top <number>', 'how many clients a report lists (default 100)')
  .option(
    '--threads <number>',
    '1 or 2: with 1 it takes longer, and leaves a processor to others (default 2)',
  )
  .option(
    '--suggest <wish>',
    'search a limit that grants a wish, such as "refuse at most 0.1% of requests of clients under 100/minute; admit at most 2M tokens/minute"',
  )
  .option('--rule <name>', 'the rule whose limit is searched for, where there are several')
  .option('--html <file>', 'write the report as a page of one file, too')
  .option('--json', 'write the report as JSON')
  .action(async (trace: string, said: ReplayArguments) => {
    const { stdin, stdout: out, stderr: err } = process
    await replayCommand(trace, said, { out, err, stdin, watched: err.isTTY === true })
  })

program
  .command('key')
  .description('API keys of clients')
  .command('new')
  .description('make a key, show it once, and add its hash to a file of keys')
  .requiredOption('--client <name>', 'whose key it is')
  .option('--tier <tier>', 'the tier of that client')
  .option('--expires <moment>', 'when it ends: 2027-01-31, or 2027-01-31T12:00:00Z')
  .option('--file <file>', 'the file of keys', 'keys.yaml')
  .action(async (options: KeyOptions) => {
    await newKeyCommand(options, { out: process.stdout, err: process.stderr })
  })

program
  .command('token')
  .description('the token of the admin port')
  .command('new')
  .description('make a token, show it once, and what stands for it in the configuration')
  .action(() => newTokenCommand({ out: process.stdout, err: process.stderr }))

// Whoever reads no further, as `head` does, wants to hear no more; and a gateway goes on.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

program.parseAsync().catch((error: unknown) => {
  console.error(`sluice: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
