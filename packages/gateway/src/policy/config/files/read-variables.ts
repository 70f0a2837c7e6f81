import { resolve } from 'node:path'
import { FILE_REFERENCE, MAX_VALUE_LENGTH, type VariableSource, type Variables } from '../yaml/variables.js'
import { readBounded, UnreadableFileError } from './bounded-read.js'

/** The environment of this process. Files and price lists have no values. */
export const withoutFiles: VariableSource = {
  env: (name) => process.env[name],
  file(path) {
    throw new Error(`\${file:${path}} was not read`)
  },
  priceList(path) {
    throw new Error(`the price list ${path} was not read`)
  },
}

/** Maximum number of files that one configuration may refer to. */
const MAX_FILES = 100

/**
 * Reads the files to which a configuration refers by `${file:PATH}`, and returns them with the
 * environment of this process. The last line break of a file is not part of its value. A file that
 * cannot be read is reported where it is referred to.
 *
 * @param text the configuration
 * @param folder the folder of relative paths
 */
export async function readVariables(text: string, folder: string): Promise<VariableSource> {
  const paths = [...new Set([...text.matchAll(FILE_REFERENCE)].map(([, path = '']) => path))]
  const read = paths
    .slice(0, MAX_FILES)
    .map(async (path) => [path, await readValue(resolve(folder, path))] as const)
  const files = new Map(await Promise.all(read))
  return {
    ...withoutFiles,
    file(path) {
      const value = files.get(path)
      if (typeof value === 'string') return value
      throw new Error(
        `${path}: ${value?.message ?? `the configuration refers to more than ${MAX_FILES} files`}`,
      )
    },
  }
}

async function readValue(path: string): Promise<string | Error> {
  try {
    const bytes = await readBounded(path, { maxBytes: 4 * MAX_VALUE_LENGTH, onlyFiles: true })
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof UnreadableFileError) return error
    if (error instanceof TypeError) return new Error('the file is not UTF-8 text')
    throw error
  }
}

/**
 * Returns the values that were read earlier, for another process that must see the same ones.
 *
 * @param sections if present, the only keys at the top of the file below which references have values
 */
export function knownVariables(variables: Variables, sections?: readonly string[]): VariableSource {
  const lookUp = (reference: string, section: string) => {
    if (sections?.includes(section) === false)
      throw new Error(`\${${reference}} has no value here; write the value itself`)
    return variables[reference]
  }
  return {
    env: (name, section) => lookUp(`env:${name}`, section),
    file(path, section) {
      const value = lookUp(`file:${path}`, section)
      if (value === undefined) throw new Error(`\${file:${path}} has no value here; write the value itself`)
      return value
    },
    priceList(path) {
      const text = variables[`prices:${path}`]
      if (text === undefined)
        throw new Error(`the price list ${path} is unknown here; write the path in the running configuration`)
      return text
    },
  }
}
