import { defineConfig } from 'vitest/config';
/** Tests beside programs from other registries (PyPI, Go, crates): `npm run test:peers`. */
export default defineConfig({
    test: { include: ['test/peers/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000, maxWorkers: 1 },
});
