import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Command } from 'commander'
import type { SearchedText } from '../../../../sluice/test/secret-search.js'
import { addActCommands } from '../../../src/cli/act-commands.js'
import { checkCommand } from '../../../src/cli/check-command.js'
import { addKeyCommands } from '../../../src/cli/key-commands.js'
import { type ReplayArguments, replayCommand } from '../../../src/cli/replay-command.js'
import { addSpendCommands } from '../../../src/cli/spend-commands.js'
import { sluiceWith } from '../../cli/program.js'
import { collectOutput } from '../../policy/config/check-text.js'
import type { PlantedGateway, RunningGateway } from './planted-gateway.js'

/** Runs commands as processes that fail because of a secret in the wrong place. */
export async function runFailingCommands(
  planted: PlantedGateway,
  { adminUrl }: Pick<RunningGateway, 'adminUrl'>,
): Promise<SearchedText[]> {
  const { folder, file, secrets, env } = planted
  const withPassword = (scheme: string) =>
    adminUrl.replace('http:', scheme).replace('//', `//ops:${secrets.targetPassword}@`)
  const broken = join(folder, 'broken.yaml')
  await writeFile(broken, brokenConfig(planted))
  const commands = [
    ['check', broken],
    ['serve', broken],
    ['serve', file, '--upstream', withPassword('http:')],
    ['act', 'list', '--admin', withPassword('http:')],
    ['act', 'list', '--admin', withPassword('ftp:')],
  ]
  const results: SearchedText[] = []
  // One at a time, because each process occupies a core while it starts.
  for (const args of commands) {
    const { output, ended } = sluiceWith(env, ...args)
    const [code] = await ended
    if (code === 0) throw new Error(`'sluice ${args.join(' ')}' should fail: ${output.out}`)
    results.push({ where: `sluice ${args[0]} ${args[1]}`, text: output.out + output.err })
  }
  return results
}

/** Runs the commands that read the files of a gateway, and those that use its admin port. */
export async function runCommands(
  { folder, file, secrets, text, env }: PlantedGateway,
  { adminUrl }: RunningGateway,
): Promise<SearchedText[]> {
  const path = (name: string) => join(folder, name)
  const results: SearchedText[] = []
  const run = async (where: string, command: (output: ReturnType<typeof outputs>) => Promise<unknown>) => {
    const output = outputs()
    const failure = await command(output).catch((error: unknown) => String(error))
    results.push({ where, text: `${output.out.text()}${output.err.text()}${failure}` })
  }
  await writeFile(path('no-variable.yaml'), text.replaceAll('env:UPSTREAM_KEY', 'env:NOT_SET'))
  const variables = Object.entries(env)
  for (const [name, value] of variables) process.env[name] = value
  await run('check', (output) => checkCommand(file, output))
  await run('check without a variable', (output) => checkCommand(path('no-variable.yaml'), output))
  await run('check --against', (output) => checkCommand(file, output, path('broken.yaml')))
  const replays: ReplayArguments[] = [
    { config: file },
    { config: file, against: path('broken.yaml') },
    { config: file, html: path('report.html'), json: true },
  ]
  for (const args of replays)
    await run('replay', (output) =>
      replayCommand(path('record.jsonl'), args, {
        ...output,
        stdin: Readable.from([]),
        isInteractive: false,
      }),
    )
  for (const [name] of variables) delete process.env[name]

  const admin = ['--admin', adminUrl]
  const reason = ['--reason', 'a test']
  const commands = [
    ['act', 'list', ...admin],
    ['act', 'list', '--json', ...admin],
    ['act', 'block', '--client', 'x', ...reason, ...admin],
    ['act', 'undo', secrets.key, ...reason, ...admin],
    ['key', 'list', ...admin],
    ['key', 'list', '--file', path('keys.yaml')],
    ['key', 'show', secrets.key, ...admin],
    ['key', 'show', secrets.key, '--file', path('keys.yaml')],
    ['key', 'revoke', secrets.unknownKey, ...reason, ...admin],
    ['spend', ...admin],
    ['spend', '--by', 'route', '--csv', ...admin],
    ['forget', 'nobody', ...reason, ...admin],
  ]
  for (const token of [secrets.actToken, secrets.wrongToken, undefined])
    for (const args of commands)
      await run(`sluice ${args[0]} ${args[1]}`, (output) => {
        const program = new Command().exitOverride()
        for (const add of [addKeyCommands, addActCommands, addSpendCommands]) add(program, output, token)
        return program.parseAsync(args, { from: 'user' }).then(() => '')
      })
  // The commands set it for their process.
  process.exitCode = undefined
  return results
}

function outputs() {
  return { out: collectOutput(), err: collectOutput() }
}

/** Returns the configuration with mistakes in the lines that contain or refer to secrets. */
export function brokenConfig({ text, secrets }: PlantedGateway): string {
  return text
    .replaceAll('health:', 'healht:')
    .replace("x-file: '", "accept-encoding: x, x-file: '\\n")
    .replace('timeout: 1s', 'timeout: 1')
    .replace('audience: models', 'audience: []')
    .replace(/store: .*/, `store: redis://:${secrets.redisPassword}@127.0.0.1/x/y`)
    .replace('default:', 'deflaut:')
}
