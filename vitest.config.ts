import { fileURLToPath } from 'node:url'
import { defaultServerConditions } from 'vite'
import { defineConfig } from 'vitest/config'
import { LongFirst } from './test/long-first.ts'

/** The packages beside the worker are used as sources, here and in the processes that tests start. */
const SOURCES = 'telestore-source'

/** Half of a started process's work is compiling what the one before it compiled. */
const COMPILE_CACHE = fileURLToPath(new URL('node_modules/.cache/node', import.meta.url))

export default defineConfig({
  ssr: { resolve: { conditions: [SOURCES, ...defaultServerConditions] } },
  test: {
    include: ['{test,native/test,packages/*/test}/**/*.test.ts'],
    globalSetup: [
      'test/native-setup.ts',
      'test/page-setup.ts',
      'test/secrets/global-setup.ts',
      'test/openapi/global-setup.ts',
    ],
    setupFiles: ['test/patience.ts'],
    expect: { poll: { timeout: 60_000 } },
    execArgv: [`--conditions=${SOURCES}`],
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    // Files run one after another in a few processes: most of a short file's time is loading.
    isolate: false,
    // Many tests wait for Telegram's clocks more than for a core.
    maxWorkers: 4,
    sequence: { sequencer: LongFirst },
    // For tests that hang: a busy machine is no failure.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    // The hunt for secrets and the judgement of answers run then; cut off, they would count as passed.
    teardownTimeout: 180_000,
  },
})
