import { createServer, type Server } from 'node:net'
import type { ListenerRole, ProtocolServer, ProtocolServerOptions } from '../types.ts'
import { createDispatcher } from './dispatcher.ts'
import { createServerKey } from './handshake/rsa.ts'
import { createLink, type Link } from './link.ts'

/**
 * The protocol half of the emulator: it accepts connections, speaks MTProto over them, and hands
 * each method to the API half. All listeners share keys and sessions, as Telegram's do.
 */
export function createProtocolServer(options: ProtocolServerOptions): ProtocolServer {
  const { keys, handler, host = '127.0.0.1' } = options
  const serverKey = createServerKey(options.privateKeyPem)
  const dispatcher = createDispatcher({ serverKey, keys, handler })
  const servers = new Set<Server>()
  const links = new Map<Link, Promise<void>>()
  let lastId = 0

  function createListener(role: ListenerRole): Server {
    return createServer((socket) => {
      const link = createLink(socket, ++lastId, role)
      const carried = dispatcher.carry(link).finally(() => links.delete(link))
      links.set(link, carried)
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
      const carried = [...links.values()]
      for (const link of links.keys()) link.destroy()
      await Promise.all([...closed, ...carried])
      dispatcher.close()
    },
  }
}
