import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createEmbeddedCredentials } from '../../src/backend/embedded-credentials.ts'
import { hashToken } from '../../src/backend/token.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'

test('each demo token is a user with an account of its own, opened once', async () => {
  const control = await startControl()
  const provider = createEmbeddedCredentials({ controlRoot: `${control.root}/` })

  const [anna, again] = await Promise.all([
    provider.forUpload('demo-anna'),
    provider.forDownload('demo-anna'),
  ])
  const bert = await provider.forRunningUpload('demo')

  expect(anna).toEqual({
    userId: hashToken('demo-anna'),
    botToken: '100:bot',
    channelId: '-1000000000001',
    session: '1telethon',
    apiId: 7,
    apiHash: 'abc',
  })
  expect(again).toEqual({ credentials: anna, kind: 'login', messageId: null })
  expect(bert.channelId).toBe('-1000000000002')
  expect(control.labels).toEqual([hashToken('demo-anna'), hashToken('demo')])
})

test.each(['', 'Demo-1', 'other', 'demo 1'])('the token %j is refused', async (token) => {
  const control = await startControl()
  const provider = createEmbeddedCredentials({ controlRoot: control.root })

  await expect(provider.forUpload(token)).rejects.toMatchObject({
    code: 'TOKEN_REFUSED',
    message: expect.stringContaining('begin with "demo"'),
  })
  expect(control.labels).toEqual([])
})

test('the emulator gives the accounts', async () => {
  const telegram = await startTelegram()
  const provider = createEmbeddedCredentials({ controlRoot: telegram.control.root })

  const anna = await provider.forUpload('demo-anna')
  const bert = await provider.forUpload('demo-bert')

  expect(anna.session).toHaveLength(353)
  expect(anna.channelId).toMatch(/^-100\d+$/)
  expect(bert.channelId).not.toBe(anna.channelId)
  const later = createEmbeddedCredentials({ controlRoot: telegram.control.root })
  expect(await later.forUpload('demo-anna')).toEqual(anna)
})

test('an unreachable control endpoint rejects with BACKEND_UNAVAILABLE', async () => {
  const provider = createEmbeddedCredentials({ controlRoot: 'http://127.0.0.1:9' })

  await expect(provider.forUpload('demo')).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' })
})

async function startControl(): Promise<{ root: string; labels: string[] }> {
  const labels: string[] = []
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      if (request.url !== '/accounts') return response.writeHead(404).end()
      labels.push((body as { label: string }).label)
      return response.end(
        JSON.stringify({
          apiId: 7,
          apiHash: 'abc',
          session: 'gramjs',
          telethonSession: '1telethon',
          botToken: '100:bot',
          channelId: `-100000000000${labels.length}`,
        }),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { root: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, labels }
}
