import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readResults } from '../../bench/harness/results.ts'
import { benchTables } from '../../bench/harness/tables.ts'
import { loadConfig, openWorker } from '../../src/worker.ts'
import type { ApiDocument } from '../../test/openapi/document.ts'
import { apiReference } from './api.ts'
import { configurationTables, envExample } from './configuration.ts'
import { withMade } from './markdown.ts'

const ROOT = new URL('../../', import.meta.url)
/**
 * The documents that are made of the sources, whole: path from the root, and text. In guides only
 * what stands between two marks is made.
 */
export async function madeDocuments(): Promise<Map<string, string>> {
  return new Map([
    ['.env.example', envExample()],
    ['docs/configuration.md', await page('docs/configuration.md', configurationTables())],
    ['BENCHMARKS.md', await page('BENCHMARKS.md', benchTables(await readResults()))],
    ['docs/api.md', await page('docs/api.md', apiReference(await openApiDocument()))],
  ])
}

async function page(path: string, made: string): Promise<string> {
  return withMade(await readFile(new URL(path, ROOT), 'utf8'), made)
}

/** What a worker says of itself. It is never asked to listen, nor to connect to anything. */
async function openApiDocument(): Promise<ApiDocument> {
  const dataDir = await mkdtemp(join(tmpdir(), 'telestore-docs-'))
  const config = loadConfig({
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    TELEGRAM_BOT_TOKEN: '1:not-a-token',
    TELEGRAM_CHANNEL_ID: '-1001',
    AUTH_TOKENS: 'nobody',
  })
  const worker = await openWorker({ config })
  try {
    return (await worker.server.inject('/docs/json')).json()
  } finally {
    await worker.close({ hurry: true })
    await rm(dataDir, { recursive: true, force: true })
  }
}
