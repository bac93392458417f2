import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: [
      'test/page-setup.ts',
      'test/secrets/global-setup.ts',
      'test/openapi/global-setup.ts',
    ],
    // Many tests wait for Telegram's clocks more than for a core.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
