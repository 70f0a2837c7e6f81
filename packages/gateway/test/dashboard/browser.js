import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
export async function open(browser, url, { colorScheme = 'light', width = 1280 } = {}) {
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
    const complaints = [];
    page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()))
            complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
        const { origin, protocol } = new URL(request.url());
        if (origin !== new URL(url).origin && protocol !== 'data:')
            complaints.push(`asked ${request.url()}`);
    });
    await page.goto(new URL('/', url).href);
    return { page, complaints };
}
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What axe finds wrong with the page as it is, in a line each. */
export async function violationsOf(page) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate('axe.run()');
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
