import { FileKeyStore } from '../../../src/server/identity/keys/file-key-store.js'
import type { NewKey } from '../../../src/server/identity/keys/key-store.js'

/** Creates a key in a keys file, and returns it. */
export async function createKey(file: string, properties: NewKey): Promise<string> {
  return (await new FileKeyStore(file).create(properties, 'a test')).key
}
