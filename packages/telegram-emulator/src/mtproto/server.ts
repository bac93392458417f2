import { createServer, type Server } from 'node:net'
import type { ListenerRole, ProtocolServer, ProtocolServerOptions } from '../types.ts'
import { createConnection, type MtprotoConnection } from './connection.ts'
import { createDispatcher } from './dispatcher.ts'
import { createServerKey } from './handshake/rsa.ts'

/**
 * The protocol half of the emulator: it accepts connections, speaks MTProto over them, and hands
 * each method to the API half. All listeners share keys and sessions, as Telegram's do.
 */
export function createProtocolServer(options: ProtocolServerOptions): ProtocolServer {
  const { keys, handler, host = '127.0.0.1' } = options
  const serverKey = createServerKey(options.privateKeyPem)
  const dispatcher = createDispatcher({ serverKey, keys, handler })
  const servers = new Set<Server>()
  const connections = new Map<MtprotoConnection, Promise<void>>()
  let lastId = 0

  function createListener(role: ListenerRole): Server {
    return createServer((socket) => {
      const connection = createConnection(socket, ++lastId, role)
      const served = dispatcher.serve(connection).finally(() => connections.delete(connection))
      connections.set(connection, served)
    })
  }

  return {
    publicKeyPem: serverKey.publicKeyPem,
    listen: (role, port) => {
      const server = createListener(role)
      return new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          servers.add(server)
          resolve({ port })
        })
      })
    },
    close: async () => {
      const closed = [...servers].map((server) => new Promise((resolve) => server.close(resolve)))
      const served = [...connections.values()]
      for (const connection of connections.keys()) connection.destroy()
      await Promise.all([...closed, ...served])
      dispatcher.close()
    },
  }
}
