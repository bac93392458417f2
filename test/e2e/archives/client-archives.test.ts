import { randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { createClient } from '../../../packages/client/src/client.ts'
import { startFaultProxy } from '../../../packages/client/test/fault-proxy.ts'
import { MiB } from '../../../src/lib/units.ts'
import { readZip } from '../../helpers/callers/read-zip.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeFile } from '../../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

/** A worker behind a proxy, with two files; of the second one others know the CRC-32 or not. */
async function start({ knowsAll }: { knowsAll: boolean }) {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const proxy = await startFaultProxy(worker.url)
  const files = [randomBytes(1000), randomBytes(2 * MiB)]
  for (const [index, bytes] of files.entries()) {
    const [messageId, name] = [index + 1, `${index + 1}.bin`]
    gateway.posted.push({ messageId, name, mimeType: 'video/mp4', bytes })
    const isKnown = knowsAll || index === 0
    const known = isKnown ? crc32(bytes).toString(16).padStart(8, '0') : null
    const row = { name, size: bytes.length, documentId: String(1000 + messageId), crc32: known }
    const key = { owner: 'ann', channelId: '-1001' }
    await worker.adapters.ledger.applyToLibrary(key, { files: [makeFile(messageId, row)] })
  }
  return { gateway, proxy, files, client: createClient({ url: proxy.url, token: 'token-ann' }) }
}

test.each([[{ items: [1, 2] }], [{ folder: '/' }]])(
  'a broken archive of %j is resumed where it broke',
  async (content) => {
    const { client, proxy, files } = await start({ knowsAll: true })
    proxy.inject('/archive', { kind: 'cut-answer', afterBytes: 1_000_000 }, { kind: 'cut' })

    const archive = await client.downloadArchive(content, { fileName: 'all.zip' })

    const zip = await buffer(archive.body)
    expect(archive).toMatchObject({ fileName: 'all.zip', mimeType: 'application/zip' })
    expect([...readZip(zip).values()]).toEqual(files)
    expect(proxy.headers.slice(1).map((each) => each['if-range'])).toEqual([
      ...[archive.etag, archive.etag],
    ])
  },
)

test('one that only comes whole is read again from its start, and each byte is given out once', async () => {
  const { client, proxy, files } = await start({ knowsAll: false })
  proxy.inject('/archive', { kind: 'cut-answer', afterBytes: 1_000_000 })

  const archive = await client.downloadArchive({ items: [1, 2] })

  const zip = await buffer(archive.body)
  expect(archive.headers.get('accept-ranges')).toBe('none')
  expect(zip.length).toBe(archive.size)
  expect([...readZip(zip).values()]).toEqual(files)
})

test('a file that is gone ends it with a sentence that names the file', async () => {
  const { client, gateway } = await start({ knowsAll: true })
  gateway.posted.pop()

  const { body } = await client.downloadArchive({ items: [1, 2] })

  await expect(buffer(body)).rejects.toMatchObject({
    code: 'MESSAGE_NOT_FOUND',
    message: expect.stringContaining('2.bin is no longer in the channel'),
  })
})

test('the link to an archive opens it without a login', async () => {
  const { client, files } = await start({ knowsAll: true })

  const { url } = await client.archive({ items: [1] }, { expiresIn: 60, fileName: 'one.zip' })

  const answer = await fetch(url)
  expect(answer.headers.get('content-disposition')).toContain('one.zip')
  expect([...readZip(Buffer.from(await answer.arrayBuffer())).values()]).toEqual([files[0]])
})
