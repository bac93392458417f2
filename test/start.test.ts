import { expect, test, vi } from 'vitest'
import { startChild } from './helpers/start-child.ts'
import { makeTempDir } from './helpers/temp-dir.ts'

/** Each of these would cost every worker megabytes for what few requests need. */
const LOADED_WHEN_USED = {
  gramjs: /^node_modules\/telegram\//,
  'the Bot API client': /^node_modules\/node-telegram-bot-api\//,
  'what makes the OpenAPI document': /documentation-app|^node_modules\/(@fastify\/swagger|yaml\/)/,
  Ajv: /^node_modules\/ajv\//,
  'the tus server': /^node_modules\/@tus\//,
  'what a cluster shares':
    /^src\/(cluster-storage|core\/cluster\/|cluster\/|metrics\/cluster\/|storage\/(postgres|object-spool)\/)|^node_modules\/(pg|aws4)/,
  'the emulator': /^packages\/telegram-emulator\//,
  'the command line': /^src\/cli\//,
  // An import of node:http would load it.
  undici: /^NativeModule .*undici/,
}

test('a start loads nothing that only some requests need', async () => {
  const child = startChild('worker/loaded-by-start.ts', [await makeTempDir()])
  await vi.waitFor(() => expect([child.lines.length, child.errors]).toEqual([1, '']), 30_000)
  const loaded: string[] = JSON.parse(child.lines[0] ?? '')

  const tooEarly = Object.entries(LOADED_WHEN_USED).flatMap(([name, pattern]) => {
    const first = loaded.find((each) => pattern.test(each))
    return first === undefined ? [] : [`${name}: ${first}`]
  })

  expect(tooEarly).toEqual([])
  expect(loaded).toEqual(expect.arrayContaining(['src/http/server.ts', 'NativeModule http']))
})
