import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { findProgram } from './programs.ts'
import { startServer } from './server-process.ts'

export interface LoadBalancer {
  readonly url: string
  /** The ports that it takes for healthy. */
  healthy: () => Promise<number[]>
  stop: () => Promise<void>
}

/**
 * HAProxy before the ports, by turns, without stickiness. `checks: false`: it takes all of them for
 * healthy, always.
 */
export async function startLoadBalancer(
  ports: readonly number[],
  { checks = true }: { checks?: boolean } = {},
): Promise<LoadBalancer> {
  const command = findProgram('haproxy')
  if (command === null) throw new Error('haproxy is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'telestore-haproxy-'))
  const [port, statsPort] = [await freePort(), await freePort()]
  const config = join(folder, 'haproxy.cfg')
  await writeFile(config, configOf(ports, { port, statsPort, checks }))
  const stats = `http://127.0.0.1:${statsPort}/;csv`
  const server = await startServer({
    command,
    args: ['-db', '-f', config],
    answers: async () => (await fetch(stats)).arrayBuffer(),
  })
  return {
    url: `http://127.0.0.1:${port}`,
    healthy: async () => {
      const lines = (await (await fetch(stats)).text()).split('\n').map((line) => line.split(','))
      const of = (name: string): number => lines[0]?.findIndex((head) => head.endsWith(name)) ?? -1
      const [server, status] = [of('svname'), of('status')]
      return lines
        .filter((line) => line[server]?.startsWith('node-') && line[status]?.startsWith('UP'))
        .map((line) => Number(line[server]?.slice('node-'.length)))
    },
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const CHECKS = `
  option httpchk GET /health
  default-server check inter 300ms fall 3 rise 1 on-marked-down shutdown-sessions`

function configOf(
  ports: readonly number[],
  { port, statsPort, checks }: { port: number; statsPort: number; checks: boolean },
): string {
  const servers = ports.map((node) => `  server node-${node} 127.0.0.1:${node}`)
  return `
defaults
  mode http
  timeout connect 2s
  timeout client 120s
  timeout server 120s
  timeout tunnel 120s
  timeout check 1s
  # A request that no node has seen goes to another one; what a node may have begun does not.
  retries 3
  retry-on conn-failure
  option redispatch 1

frontend entry
  bind 127.0.0.1:${port}
  default_backend nodes

backend nodes
  balance roundrobin
${checks ? CHECKS : ''}
${servers.join('\n')}

frontend stats
  bind 127.0.0.1:${statsPort}
  stats enable
  stats uri /
`
}
