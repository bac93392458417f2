/**
 * The fake backend as a process of its own. One line of JSON on stdout says where it is; its control
 * address takes logins and tells which webhooks came.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { z } from 'zod'
import { startBackend } from './fake-backend.ts'

const Login = z.object({ token: z.string(), answer: z.record(z.string(), z.unknown()) })

const backend = await startBackend(() => {})
const control = createServer(async (request, response) => {
  if (request.method === 'POST') {
    const { token, answer } = Login.parse(await json(request))
    backend.logins.set(token, answer)
  }
  const webhooks = backend.callsTo('/api/webhook/upload').map(({ headers, body }) => ({
    key: headers['idempotency-key'],
    payload: JSON.parse(body),
  }))
  response.end(JSON.stringify(webhooks))
})
control.listen(0, '127.0.0.1', () => {
  const { port } = control.address() as AddressInfo
  console.log(JSON.stringify({ url: backend.url, control: `http://127.0.0.1:${port}` }))
})
