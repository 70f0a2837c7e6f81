import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkCommand } from '../../../src/cli/check-command.js'

/** Runs `sluice check` on a file with the given text. */
export async function checkText(text: string): Promise<{ code: number; out: string; err: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-check-'))
  const [out, err] = [collectOutput(), collectOutput()]
  try {
    const file = join(folder, 'gateway.yaml')
    await writeFile(file, text)
    const code = await checkCommand(file, { out, err })
    return { code, out: out.text(), err: err.text() }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Creates an output that collects what a command writes. */
export function collectOutput() {
  let text = ''
  return {
    write(piece: string): boolean {
      text += piece
      return true
    },
    text: () => text,
  }
}
