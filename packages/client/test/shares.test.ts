import { expect, test } from 'vitest'
import { startWithLibrary } from '../../../test/http/shares/share.ts'
import { createClient } from '../src/client.ts'

test('a share is made, listed, changed and ended', async () => {
  const { url } = await startWithLibrary({ env: { PUBLIC_URL: 'https://worker.example' } })
  const { shares } = createClient({ url, token: 'token-ann' })

  const made = await shares.create({ items: [11] }, { title: 'Film', expiresIn: 3600 })

  expect(made).toMatchObject({
    url: `${url}/s/${made.id}`,
    link: `https://worker.example/s/${made.id}`,
    state: 'open',
    items: [11],
    fileName: 'film.mp4',
    downloads: 0,
    lastUsedAt: null,
  })
  await (await fetch(made.url)).arrayBuffer()
  const [used] = await shares.list()
  expect(used).toMatchObject({ id: made.id, downloads: 1, lastUsedAt: expect.any(Date) })

  expect(await shares.change(made.id, { title: null, maxDownloads: 1 })).toMatchObject({
    title: null,
    state: 'used-up',
    expiresAt: made.expiresAt,
  })
  await shares.end(made.id)
  expect(await shares.list()).toMatchObject([{ state: 'ended' }])
  await expect(shares.change(made.id, {})).rejects.toMatchObject({ code: 'SHARE_ENDED' })
  await expect(shares.create({ folder: '/Nowhere' })).rejects.toMatchObject({
    code: 'FOLDER_NOT_FOUND',
  })
})
