import { resolve } from 'node:path'
import { keysSourceOf } from '../config.js'
import { Problems } from '../yaml/diagnostics.js'
import { substitute, type VariableSource } from '../yaml/variables.js'
import { MAX_CONFIG_LENGTH, readYaml } from '../yaml/yaml-document.js'
import { entryOf, isString, itemsOf } from '../yaml/yaml-node.js'
import { readBounded } from './bounded-read.js'

/** Maximum number of labels that are read. Expressions that use others only get a warning. */
const MAX_NAMES = 200

/**
 * Lists the labels of the keys in the keys file of a configuration, so that misspelled ones can be
 * found in its expressions. Problems are reported when the files are loaded.
 *
 * @param text the configuration
 * @param folder the folder of relative paths
 * @returns undefined if there is no keys file, or it cannot be read. Keys in the store, which can get any
 *   label at any time, are not read.
 */
export async function readKeyLabels(
  text: string,
  folder: string,
  source: VariableSource,
): Promise<readonly string[] | undefined> {
  const ignored = new Problems('')
  const unsubstituted = readYaml(text, ignored, '')
  const root = unsubstituted && substitute(unsubstituted, source, ignored).root
  const written = entryOf(entryOf(root, 'identity'), 'api_keys')
  if (written === undefined || !isString(written)) return undefined
  const keysSource = keysSourceOf(written.value)
  if (keysSource.kind === 'store') return undefined
  try {
    const bytes = await readBounded(resolve(folder, keysSource.file), {
      maxBytes: MAX_CONFIG_LENGTH,
      onlyFiles: true,
    })
    const keys = readYaml(new TextDecoder().decode(bytes), ignored, '')
    const names = itemsOf(entryOf(keys, 'keys')).flatMap((key) => {
      const labels = entryOf(key, 'labels')
      return labels?.kind === 'map' ? [...labels.entries.keys()] : []
    })
    return [...new Set(names)].slice(0, MAX_NAMES)
  } catch {
    return undefined
  }
}
