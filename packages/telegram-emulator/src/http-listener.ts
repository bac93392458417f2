import type { IncomingMessage, Server } from 'node:http'

export interface HttpListener {
  port: number
  /** `http://host:port` */
  root: string
  close: () => Promise<void>
}

/** Lets a server listen on its port of last time, or on any if that is taken. */
export async function listenHttp(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<HttpListener> {
  try {
    await listen(server, host, port)
  } catch (error) {
    if (port === 0) throw error
    await listen(server, host, 0)
  }
  const address = server.address()
  const bound = typeof address === 'object' && address ? address.port : port
  return {
    port: bound,
    root: `http://${host}:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const ORIGIN = 'http://emulator.invalid'

/** The URL that a request asks for, whatever its client wrote: two slashes at its start name no host. */
export const urlOf = ({ url = '/' }: IncomingMessage): URL =>
  URL.parse(url.startsWith('/') ? `${ORIGIN}${url}` : url) ?? new URL(ORIGIN)

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
