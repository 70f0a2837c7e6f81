/**
 * The configuration file that a command line names: by itself, or as `--config`, which is how `replay` takes it.
 *
 * @param command for the message
 * @throws Error where none is named, or both ways are taken.
 */
export function configFile(command: string, named: string | undefined, config: string | undefined): string {
  const file = named ?? config
  if (file === undefined)
    throw new Error(
      `no configuration file is named; write sluice ${command} gateway.yaml, or --config gateway.yaml`,
    )
  if (named !== undefined && config !== undefined)
    throw new Error(`two configuration files are named, ${named} and ${config}; leave one of them out`)
  return file
}
