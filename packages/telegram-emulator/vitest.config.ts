import { defineConfig } from 'vitest/config'

/** `npm test` in this folder. The workspace's own configuration runs the same files. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/helpers/patience.ts'],
    // Files run one after another in a few processes: most of a short file's time is loading.
    isolate: false,
    maxWorkers: 3,
    // For tests that hang: a busy machine is no failure.
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
})
