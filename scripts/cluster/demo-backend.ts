import { once } from 'node:events'
import { createServer } from 'node:http'
import { createEmbeddedCredentials } from '../../src/backend/embedded-credentials.ts'
import { AppError } from '../../src/errors.ts'

export interface DemoBackend {
  readonly url: string
  close: () => void
}

/**
 * A TeleStore backend on loopback, as far as workers see it: every token that begins with `demo` is a
 * user with an account and a channel of its own at the emulator.
 */
export async function startDemoBackend(controlRoot: string): Promise<DemoBackend> {
  const users = createEmbeddedCredentials({ controlRoot })

  async function credentialsOf(token: string): Promise<[status: number, body: object]> {
    try {
      const { userId, channelId, botToken, session, apiId, apiHash } = await users.forUpload(token)
      const telegram = {
        telegram_session: session,
        telegram_api_id: apiId,
        telegram_api_hash: apiHash,
      }
      return [200, { user_id: userId, channel_id: channelId, bot_token: botToken, ...telegram }]
    } catch (error) {
      const isRefused = error instanceof AppError && error.code === 'TOKEN_REFUSED'
      return [isRefused ? 401 : 503, { detail: error instanceof Error ? error.message : 'failed' }]
    }
  }

  const server = createServer(async (request, response) => {
    request.resume()
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const [status, body] =
      request.url === '/api/worker/credentials'
        ? await credentialsOf(token)
        : [200, request.url === '/api/webhook/upload' ? { ok: true } : { valid: false }]
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the backend has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
