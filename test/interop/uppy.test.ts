import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { downloadUrl, pollToEnd, sha256 } from '../helpers/callers/client.ts'
import { idIn } from '../helpers/callers/tus.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'
import { openBrowser, openPage } from './support/browser.ts'

test('Uppy with its Tus plugin, as npm has it, sends from a page of another origin', async () => {
  const { url } = await startWorkerProcess(await startTelegram(), await makeTempDir())
  const body = '<input type="file" id="file">'
  const page = await openPage(await openBrowser(await makeTempDir()), body)
  await page.addScriptTag({ content: await bundleUppy() })
  const bytes = randomBytes(13 * MiB + 5)
  const name = 'Grüße 🎉.bin'
  await page.setInputFiles('#file', { name, mimeType: 'application/x-thing', buffer: bytes })

  const uploadUrl = await page.evaluate(`(async () => {
    const uppy = new Uppy().use(Tus, {
      endpoint: ${JSON.stringify(`${url}/files`)},
      headers: { Authorization: 'Bearer main' },
      chunkSize: 6 * 1024 * 1024,
    })
    const [data] = document.querySelector('#file').files
    uppy.addFile({ name: data.name, type: data.type, data })
    const { successful, failed } = await uppy.upload()
    if (failed.length > 0) throw new Error(failed[0].error)
    return successful[0].uploadURL
  })()`)

  const end = (await pollToEnd(url, idIn(String(uploadUrl)))).at(-1)
  expect(end).toMatchObject({ status: 'completed' })
  const answer = await fetch(downloadUrl(url, end?.messageId ?? null, 'main'))
  expect(answer.headers.get('content-disposition')).toContain(encodeURIComponent(name))
  expect(answer.headers.get('content-type')).toBe('application/x-thing')
  expect(sha256(Buffer.from(await answer.arrayBuffer()))).toBe(sha256(bytes))
})

/** Uppy as one script. */
async function bundleUppy(): Promise<string> {
  const entry = fileURLToPath(new URL('support/uppy-entry.ts', import.meta.url))
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { write: false, lib: { entry, formats: ['iife'], name: 'bundle' } },
  })
  const [result] = Array.isArray(built) ? built : [built]
  if (!result || !('output' in result)) throw new Error('vite built nothing')
  const [script] = result.output
  return script.code
}
