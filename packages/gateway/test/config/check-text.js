import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCheck } from '../../src/cli/check.js';
/** What `sluice check` says of a file with this text. */
export async function checkText(text) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-check-'));
    const said = { out: '', err: '' };
    const into = (name) => ({
        write(piece) {
            said[name] += piece;
            return true;
        },
    });
    try {
        const file = join(folder, 'gateway.yaml');
        await writeFile(file, text);
        const code = await runCheck(file, { out: into('out'), err: into('err') });
        return { code, ...said };
    }
    finally {
        await rm(folder, { recursive: true });
    }
}
