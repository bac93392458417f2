import { expect, test } from 'vitest'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { openBrowser, openPage } from './support/browser.ts'

test('a page of another origin whose tools add headers of their own to each call is answered', async () => {
  const { url } = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  const page = await openPage(await openBrowser(await makeTempDir()), '')

  const answers = await page.evaluate(`(async () => {
    const call = async (path, method) => {
      const answer = await fetch('${url}' + path, { method, headers: {
        authorization: 'Bearer token-ann',
        baggage: 'key=value',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        'x-datadog-trace-id': '1',
        'x-csrf-token': 'abc',
      } })
      return [answer.status, (await answer.json()).code ?? null]
    }
    return [
      await call('/jobs', 'GET'),
      await call('/upload-status/none', 'GET'),
      await call('/nothing', 'POST'),
      await call('/files', 'POST'),
    ]
  })()`)

  expect(answers).toEqual([
    [200, null],
    [404, 'UPLOAD_NOT_FOUND'],
    [404, 'NOT_FOUND'],
    [412, 'PROTOCOL_VERSION'],
  ])
})
